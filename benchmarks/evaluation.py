"""Score a method on a test split under every protocol, image by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.data.decode import Image
from benchmarks.data.degradation import to_uint8
from benchmarks.data.images import DataSpec
from benchmarks.errors import TrainingCollapsed
from benchmarks.method import Method
from benchmarks.protocols import get_protocol
from benchmarks.registry import get_metric
from benchmarks.scoring import Scored, score_pairs
from benchmarks.tiling import enlarge


@dataclass(frozen=True)
class Evaluation:
    """What scoring a method gave: the scores, and the SR images ``(H, W, 3)`` uint8 RGB by name."""

    scored: Scored
    images: dict[str, Image]


CPU = torch.device("cpu")


def super_resolve(method: Method, lr: Image, tile: int = 0, device: torch.device = CPU) -> Image:
    """Run a method on one image: ``(h, w, 3)`` uint8 -> ``(scale * h, scale * w, 3)`` uint8, clipped and rounded.

    Args:
        method: what enlarges.
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


def evaluate(
    method: Method,
    data: DataSpec,
    settings: Mapping[str, Any],
    report: Callable[[int, int], None] = lambda done, of: None,
    device: torch.device = CPU,
) -> Evaluation:
    """Score every test image.

    Args:
        method: turns ``(N, 3, h, w)`` in [0, 1] into ``(N, 3, scale * h, scale * w)``.
        data: whose test split is used.
        settings: of the evaluation cell: ``protocols`` and ``metrics`` by name, ``tile``, ``threads``.
        report: called after every enlarged image with the number done and the number of all.
        device: where the method's networks are; scores are always the CPU's.

    Returns:
        Scores and SR images; a metric without its weights is missing, never a number.

    Raises:
        UsageError: an image does not suit a protocol.
    """
    pairs = data.test_pairs()
    images: dict[str, Image] = {}
    for done, pair in enumerate(pairs, start=1):
        images[pair.name] = super_resolve(method, pair.lr, settings["tile"], device)
        report(done, len(pairs))
    scored = score_pairs(
        [get_protocol(name) for name in settings["protocols"]],
        [get_metric(name) for name in settings["metrics"]],
        {pair.name: partial(_both, images[pair.name], pair.hr) for pair in pairs},
        threads=settings["threads"],
    )
    return Evaluation(scored, images)


def _both(sr: Image, hr: Image) -> tuple[Image, Image]:
    return sr, hr
