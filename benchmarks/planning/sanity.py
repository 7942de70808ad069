"""Sanity checks of trained methods: held-out images that each is scored on, and its least gain over bicubic interpolation."""

from __future__ import annotations

from benchmarks.api.entries import MethodEntry, Split
from benchmarks.data.dataset import Dataset
from benchmarks.results.record import SanitySettings

MARGIN = 0.25  # dB over bicubic; a fully trained FSRCNN, the smallest of the networks, gains about 1 dB on BSD100 at x4


def sanity_settings(method: MethodEntry, training: Dataset) -> tuple[SanitySettings, ...]:
    """Checks of a trained method.

    Every method is scored on clean LR images. A method of the family ``clean-pairs`` must gain ``MARGIN`` there. A supervised
    method must gain it on degraded LR images, which it was trained for. Others need not gain: they have learned to clean.

    Args:
        method: with stages.
        training: the data set that its stages are trained on.
    """
    reads = {split for stage in method.trains for split in stage.reads}
    clean = _settings("clean", training, "z", MARGIN if method.family == "clean-pairs" else None)
    return (clean, _settings("degraded", training, "pairs", MARGIN)) if "pairs" in reads else (clean,)


def _settings(inputs: str, training: Dataset, seen: Split, margin: float | None) -> SanitySettings:
    """A check on validation images; where the data set has none, on images that training has seen."""
    split: Split = "validation" if training.card.has("validation") and training.card.has_truth("validation") else seen
    return SanitySettings(inputs, split, margin, training.digest(split))  # type: ignore[arg-type]
