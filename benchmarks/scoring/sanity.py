"""Sanity checks of trained methods: PSNR on held-out images beside bicubic interpolation. Undertrained methods are told by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.api.image import Image, Pair
from benchmarks.api.method import Method
from benchmarks.data.pixels.images import DatasetImages
from benchmarks.degradations.imresize import imresize
from benchmarks.degradations.rounding import to_uint8
from benchmarks.results.record import SanityCheck, SanitySettings
from benchmarks.scoring.comparisons import shaved
from benchmarks.scoring.evaluation import super_resolve
from benchmarks.scoring.metrics import psnr

if TYPE_CHECKING:
    import torch

CROPS = 8  # one from the middle of an image
SIDE = 48  # of a crop, in LR pixels
BORDER = 4  # HR pixels that are not compared


def check_sanity(method: Method, training: DatasetImages, settings: SanitySettings, device: torch.device) -> SanityCheck:
    """Score a method and bicubic interpolation on crops of held-out images.

    Args:
        method: the trained method.
        training: images of the data set that the method was trained on.
        settings: the check.
        device: of the method's networks.

    Raises:
        TrainingCollapsed: an output is not finite.
    """
    crops = [_middle(pair, training.scale) for pair in _held_out(training, settings)]
    sr = [super_resolve(method, crop.lr, device=device) for crop in crops]
    with threadpool_limits(1, "blas"):  # the last digit of a sum depends on the number of threads
        own = [_psnr(image, crop.hr) for image, crop in zip(sr, crops, strict=True)]
        bicubic = [_psnr(to_uint8(imresize(crop.lr.astype(np.float64), training.scale)), crop.hr) for crop in crops]
    return SanityCheck.judged(settings, len(crops), float(np.mean(own)), float(np.mean(bicubic)))


def _held_out(training: DatasetImages, settings: SanitySettings) -> list[Pair]:
    """Images of the check's split, spread over its order, with clean or degraded LR images."""
    names = training.names(settings.split)
    chosen = [names[place * len(names) // CROPS] for place in range(CROPS)] if len(names) > CROPS else names
    return (training.clean_pairs if settings.inputs == "clean" else training.pairs)(settings.split, chosen)


def _middle(pair: Pair, scale: int) -> Pair:
    """The middle of a pair, with at most ``SIDE`` LR pixels a side."""
    height, width = (min(SIDE, side) for side in pair.lr.shape[:2])
    top, left = (pair.lr.shape[0] - height) // 2, (pair.lr.shape[1] - width) // 2
    lr = pair.lr[top : top + height, left : left + width]
    return Pair(pair.name, lr, pair.hr[scale * top : scale * (top + height), scale * left : scale * (left + width)])


def _psnr(sr: Image, hr: Image) -> float:
    result, truth = (shaved(image, BORDER) / 255.0 for image in (sr, hr))
    return psnr(result, truth, data_range=1.0)
