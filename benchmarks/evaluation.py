"""Score a method on a test split under every protocol, image by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.data.decode import Image
from benchmarks.data.degradation import to_uint8
from benchmarks.data.images import DataSpec
from benchmarks.errors import TrainingCollapsed, WeightsMissing
from benchmarks.method import Method
from benchmarks.protocols import get_protocol, score


@dataclass(frozen=True)
class Evaluation:
    """What scoring a method gave.

    Attributes:
        scores: by protocol, metric and image.
        images: the SR images ``(H, W, 3)`` uint8 RGB by name.
        missing: metrics that could not be computed, with the reason and the way to mend it.
    """

    scores: Scores
    images: dict[str, Image]
    missing: dict[str, str]


Scores = dict[str, dict[str, dict[str, float]]]  # protocol -> metric -> image -> value


def super_resolve(method: Method, lr: Image) -> Image:
    """Run a method on one image: ``(h, w, 3)`` uint8 -> ``(scale * h, scale * w, 3)`` uint8, clipped and rounded."""
    batch = torch.from_numpy(np.ascontiguousarray(lr.transpose(2, 0, 1))).unsqueeze(0).float() / 255
    sr = method(batch)[0].permute(1, 2, 0).double().numpy()
    if not np.isfinite(sr).all():
        raise TrainingCollapsed("the method's output is not finite: its training has diverged")
    return to_uint8(sr * 255)


def evaluate(
    method: Method, data: DataSpec, settings: Mapping[str, Any], report: Callable[[int, int], None] = lambda done, of: None
) -> Evaluation:
    """Score every test image.

    Args:
        method: turns ``(N, 3, h, w)`` in [0, 1] into ``(N, 3, scale * h, scale * w)``.
        data: whose test split is used.
        settings: of the evaluation cell: ``protocols`` by name and version, ``lpips`` network or None.
        report: called after every image with the number done and the number of all.

    Returns:
        Scores and SR images; LPIPS without weights is missing, never a number.

    Raises:
        UsageError: an image does not suit a protocol.
    """
    protocols = [get_protocol(name) for name in settings["protocols"]]
    scores: Scores = {protocol.name: {metric: {} for metric in protocol.metrics} for protocol in protocols}
    pairs = data.test_pairs()
    images: dict[str, Image] = {}
    for done, pair in enumerate(pairs, start=1):
        images[pair.name] = super_resolve(method, pair.lr)
        report(done, len(pairs))
    with ThreadPoolExecutor(settings["threads"]) as pool, threadpool_limits(1, "blas"):
        for protocol in protocols:
            found = pool.map(partial(score, protocol), images.values(), [pair.hr for pair in pairs])
            for name, values in zip(images, found, strict=True):
                for metric, value in values.items():
                    scores[protocol.name][metric][name] = value
    missing: dict[str, str] = {}
    if settings["lpips"]:
        try:
            distances = _lpips(settings["lpips"]["net"], [images[pair.name] for pair in pairs], [pair.hr for pair in pairs])
            for protocol in protocols:
                if protocol.perceptual:
                    scores[protocol.name]["lpips"] = dict(zip(images, distances, strict=True))
        except WeightsMissing as error:
            missing["lpips"] = str(error)
    return Evaluation(scores, images, missing)


def _lpips(net: Any, results: list[Image], truths: list[Image]) -> list[float]:
    from benchmarks.perceptual import LPIPS

    metric = LPIPS(net)
    return [metric.score(sr, hr) for sr, hr in zip(results, truths, strict=True)]
