"""Floors: classical denoising of the LR image, then bicubic interpolation. A learned method below them has learned too little."""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry

METHODS = tuple(
    MethodEntry(
        name,
        f"{title}, then bicubic interpolation, untrained",
        f"baselines.classical.method:{target}",
        family="classical",
        smallest=smallest,
    )
    for name, title, target, smallest in (
        ("gaussian-bicubic", "Gaussian blur", "GaussianBicubic", 1),
        ("tv-bicubic", "total-variation denoising", "TVBicubic", 1),
        ("nlm-bicubic", "non-local means with a blind noise level", "NLMBicubic", 1),
        ("bm3d-bicubic", "BM3D with a blind noise level", "BM3DBicubic", 16),
    )
)
