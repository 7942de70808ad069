"""Score a method on a test split under every protocol, image by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from benchmarks.data.decode import Image
from benchmarks.data.degradation import to_uint8
from benchmarks.data.images import DataSpec
from benchmarks.method import Method
from benchmarks.protocols import get_protocol, score

Scores = dict[str, dict[str, dict[str, float]]]  # protocol -> metric -> image -> value


def super_resolve(method: Method, lr: Image) -> Image:
    """Run a method on one image: ``(h, w, 3)`` uint8 -> ``(scale * h, scale * w, 3)`` uint8, clipped and rounded."""
    batch = torch.from_numpy(np.ascontiguousarray(lr.transpose(2, 0, 1))).unsqueeze(0).float() / 255
    sr = method(batch)[0].permute(1, 2, 0).double().numpy()
    return to_uint8(sr * 255)


def evaluate(
    method: Method, data: DataSpec, settings: Mapping[str, Any], report: Callable[[int, int], None] = lambda done, of: None
) -> tuple[Scores, dict[str, Image]]:
    """Score every test image.

    Args:
        method: turns ``(N, 3, h, w)`` in [0, 1] into ``(N, 3, scale * h, scale * w)``.
        data: whose test split is used.
        settings: of the evaluation cell: ``protocols`` by name and version, ``lpips`` network or None.
        report: called after every image with the number done and the number of all.

    Returns:
        Scores by protocol, metric and image, and the SR images by name.

    Raises:
        UsageError: an image does not suit a protocol.
        WeightsMissing: LPIPS is asked for and its weights cannot be had.
    """
    protocols = [get_protocol(name) for name in settings["protocols"]]
    scores: Scores = {protocol.name: {metric: {} for metric in protocol.metrics} for protocol in protocols}
    pairs = data.test_pairs()
    images: dict[str, Image] = {}
    for done, pair in enumerate(pairs, start=1):
        images[pair.name] = super_resolve(method, pair.lr)
        for protocol in protocols:
            for metric, value in score(protocol, images[pair.name], pair.hr).items():
                scores[protocol.name][metric][pair.name] = value
        report(done, len(pairs))
    if settings["lpips"]:
        distances = _lpips(settings["lpips"]["net"], [images[pair.name] for pair in pairs], [pair.hr for pair in pairs])
        for protocol in protocols:
            if protocol.perceptual:
                scores[protocol.name]["lpips"] = dict(zip(images, distances, strict=True))
    return scores, images


def _lpips(net: Any, results: list[Image], truths: list[Image]) -> list[float]:
    from benchmarks.perceptual import LPIPS

    metric = LPIPS(net)
    return [metric.score(sr, hr) for sr, hr in zip(results, truths, strict=True)]
