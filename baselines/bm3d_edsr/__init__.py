"""BM3D on the LR image, then EDSR."""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry

METHODS = (MethodEntry("bm3d-edsr", "BM3D on the LR image, then EDSR", "baselines.bm3d_edsr.method:BM3DEDSR", uses=("edsr",)),)
