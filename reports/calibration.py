"""Which protocol gives what a paper reports: the first thing to know before its other numbers mean anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.data.cards import DatasetCard

HIT = 0.05  # dB: a paper that rounds to hundredths, and another copy of bicubic interpolation


def calibration(card: DatasetCard, method: str, result: Mapping[str, Any]) -> str | None:
    """What the paper reports for the method, and what every protocol gives.

    Args:
        card: of the data set.
        method: that was evaluated on it.
        result: of its evaluation cell.

    Returns:
        One paragraph, or None where the card has nothing to compare this method with.
    """
    target = getattr(card, "calibration", None)
    if target is None or target.method != method:
        return None
    both = {name: found for name, found in result["summary"].items() if {"psnr", "ssim"} <= found.keys()}
    if not both:
        return None
    summary = {name: (found["psnr"]["mean"], found["ssim"]["mean"]) for name, found in both.items()}
    nearest = min(summary, key=lambda name: abs(summary[name][0] - target.psnr))
    hits = abs(summary[nearest][0] - target.psnr) <= HIT
    verdict = f"{nearest} gives the paper's number" if hits else f"no protocol gives it, {nearest} comes nearest"
    found = ", ".join(f"{name} {psnr:.2f} / {ssim:.3f}" for name, (psnr, ssim) in summary.items())
    return (
        f"Calibration on {method}, {card.name}: {target.source} reports {target.psnr:.2f} dB / {target.ssim:.2f}; "
        f"here {found}: {verdict}."
    )
