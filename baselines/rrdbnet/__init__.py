"""RealSR (Ji et al., CVPRW 2020) and Real-ESRGAN (Wang et al., ICCVW 2021): RRDBNet with released weights.

RealSR won the NTIRE 2020 challenge on real-world super-resolution. Real-ESRGAN is trained on synthetic degradations of higher
order.
"""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry

METHODS = (
    MethodEntry(
        "realsr",
        "RealSR DF2K, released weights",
        "baselines.rrdbnet.method:RealSR",
        family="released",
        weights=("realsr-df2k",),
    ),
    MethodEntry(
        "realesrgan",
        "Real-ESRGAN x4plus, released weights",
        "baselines.rrdbnet.method:RealESRGAN",
        family="released",
        weights=("realesrgan-x4plus",),
    ),
)
