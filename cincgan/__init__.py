"""CinCGAN (Yuan et al., CVPRW 2018): unsupervised x4 super-resolution by a cycle in a cycle."""

from __future__ import annotations

from typing import Any

__all__ = ["CinCGAN"]


def __getattr__(name: str) -> Any:
    """Import torch only when the method is asked for."""
    if name == "CinCGAN":
        from cincgan.method import CinCGAN

        return CinCGAN
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
