"""ZSSR (Shocher, Cohen and Irani, CVPR 2018): a small network is trained on the test image alone, anew for every image.

Written from facts of the paper and of public code (assafshocher/ZSSR, and its form in sefibk/KernelGAN: academic licences, so
nothing is copied).
"""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry

METHODS = (
    MethodEntry(
        "zssr",
        "ZSSR: a small network trained on the test image alone, anew for every image",
        "baselines.zssr.method:ZSSR",
        family="internal",
        smallest=16,
        inference="baselines.zssr.settings:ZSSRSettings",
    ),
)
