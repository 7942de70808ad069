"""Evaluation of a method: SR images of a test split, scored under protocols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Image, Pair
from benchmarks.api.method import Method
from benchmarks.core.errors import TrainingCollapsed
from benchmarks.degradations.rounding import to_uint8
from benchmarks.scoring.pairs import Scored, score_pairs
from benchmarks.scoring.protocol import Protocol
from benchmarks.scoring.statistics import Estimate, bootstrap_mean
from benchmarks.scoring.tiling import enlarge

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Evaluation:
    """Scores of a method and its SR images.

    Attributes:
        scored: scores of every image.
        images: SR images ``(H, W, 3)`` uint8 RGB by name.
    """

    scored: Scored
    images: dict[str, Image]

    @property
    def summary(self) -> dict[str, dict[str, Estimate]]:
        """Mean over images and bootstrap interval, by protocol and metric."""
        return {
            protocol: {metric: bootstrap_mean(list(values.values())) for metric, values in metrics.items()}
            for protocol, metrics in self.scored.scores.items()
        }


def evaluate(
    method: Method,
    pairs: Sequence[Pair],
    protocols: Sequence[Protocol],
    metrics: Sequence[MetricEntry],
    *,
    tile: int = 0,
    threads: int = 1,
    report: Callable[[int, int], None] = lambda done, of: None,
    device: torch.device = CPU,
) -> Evaluation:
    """Enlarge every LR image and score the SR images.

    Args:
        method: turns ``(N, 3, h, w)`` in [0, 1] into ``(N, 3, scale * h, scale * w)``.
        pairs: LR and HR images of a split.
        protocols: under which images are compared.
        metrics: numbers that are kept.
        tile: LR pixels a side of a tile; 0 for whole images.
        threads: pairs scored at a time; no number depends on it.
        report: called after every enlarged image with the number done and the number of all.
        device: where the method's networks are; scores are always the CPU's.

    Returns:
        Scores and SR images; a metric without its weights is missing, never a number.

    Raises:
        TrainingCollapsed: an output is not finite.
        UsageError: an image does not suit a protocol.
    """
    images: dict[str, Image] = {}
    for done, pair in enumerate(pairs, start=1):
        images[pair.name] = super_resolve(method, pair.lr, tile, device)
        report(done, len(pairs))
    both = {pair.name: partial(_both, images[pair.name], pair.hr) for pair in pairs}
    return Evaluation(score_pairs(protocols, metrics, both, threads=threads), images)


def super_resolve(method: Method, lr: Image, tile: int = 0, device: torch.device = CPU) -> Image:
    """Run a method on one image: ``(h, w, 3)`` uint8 -> ``(scale * h, scale * w, 3)`` uint8, clipped and rounded.

    Args:
        method: the method.
        lr: the LR image.
        tile: LR pixels a side of a tile; 0 for the whole image at once.
        device: where the method's networks are.

    Raises:
        TrainingCollapsed: the output is not finite.
        UsageError: the tile is too small for the method.
    """
    batch = torch.from_numpy(np.ascontiguousarray(lr.transpose(2, 0, 1))).unsqueeze(0).to(device).float() / 255
    sr = enlarge(method, batch, tile)[0].permute(1, 2, 0).cpu().double().numpy()
    if not np.isfinite(sr).all():
        raise TrainingCollapsed("the method's output is not finite: its training has diverged")
    return to_uint8(sr * 255)


def _both(sr: Image, hr: Image) -> tuple[Image, Image]:
    return sr, hr
