"""CinCGAN (Yuan et al., CVPRW 2018): unsupervised x4 super-resolution by a cycle in a cycle."""

from __future__ import annotations

from typing import Any

from benchmarks.api.entries import MethodEntry, StageEntry

__all__ = ["CinCGAN"]

METHODS = (
    MethodEntry(
        "cincgan",
        "CinCGAN, trained without pairs",
        "cincgan.method:CinCGAN",
        family="unpaired-direct",
        trains=(
            StageEntry(
                "cincgan-inner",
                "cincgan.inner:InnerStage",
                "cincgan.settings:InnerSettings",
                reads=("x", "z"),
                reference_step="cincgan.reference_step:InnerReferenceStep",
            ),
            StageEntry(
                "cincgan-joint",
                "cincgan.joint:JointStage",
                "cincgan.settings:JointSettings",
                reads=("x", "z"),
                needs=("edsr", "cincgan-inner"),
                reference_step="cincgan.reference_step:JointReferenceStep",
            ),
        ),
        uses=("edsr",),
        variants="cincgan/ablation.toml",
        study="cincgan/joint_study.toml",
    ),
)


def __getattr__(name: str) -> Any:
    """Import the method's class, and with it torch, on first access."""
    if name == "CinCGAN":
        from cincgan.method import CinCGAN

        return CinCGAN
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
