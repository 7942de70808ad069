"""BM3D on the LR image, then EDSR, with two estimates of the noise."""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry

METHODS = (
    MethodEntry(
        "bm3d-edsr",
        "BM3D on the LR image, then EDSR",
        "baselines.bm3d_edsr.method:BM3DEDSR",
        family="classical",
        uses=("edsr",),
        smallest=16,
    ),
    MethodEntry(
        "bm3d-edsr-correlated",
        "BM3D with an estimate that is right for correlated noise, then EDSR",
        "baselines.bm3d_edsr.method:BM3DEDSRCorrelated",
        family="classical",
        uses=("edsr",),
        smallest=16,
    ),
)
