"""The protocol of a paper: which one gives the number that the paper reports for a method without training."""

from __future__ import annotations

from benchmarks.results.record import EvaluationResult
from reports.reported import load_paper

HIT = 0.05  # dB: a paper that rounds to hundredths, and another copy of bicubic interpolation


def calibration(result: EvaluationResult) -> str | None:
    """What a paper reports for the method of an evaluation, and what every protocol gives.

    Returns:
        One paragraph, or None where the paper has nothing to compare the evaluation with.
    """
    paper = load_paper()
    target = paper.of(result.cell.label)
    if target is None or (paper.dataset, paper.calibration) != (result.cell.dataset, result.cell.label):
        return None
    both = {name: metrics for name, metrics in result.summary.items() if {"psnr", "ssim"} <= metrics.keys()}
    if not both:
        return None
    summary = {name: (metrics["psnr"].mean, metrics["ssim"].mean) for name, metrics in both.items()}
    nearest = min(summary, key=lambda name: abs(summary[name][0] - target.psnr))
    hits = abs(summary[nearest][0] - target.psnr) <= HIT
    verdict = f"{nearest} gives the paper's number" if hits else f"no protocol gives it, {nearest} comes nearest"
    numbers = ", ".join(f"{name} {psnr:.2f} / {ssim:.3f}" for name, (psnr, ssim) in summary.items())
    return (
        f"Calibration on {target.method}, {paper.dataset}: {target.source} reports {target.psnr:.2f} dB / {target.ssim:.2f}; "
        f"here {numbers}: {verdict}."
    )
