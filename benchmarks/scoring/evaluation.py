"""Evaluation of a method: SR images of a test split and their scores under protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from benchmarks.api.entries import MetricEntry
from benchmarks.api.image import Image, Pair
from benchmarks.api.method import Method
from benchmarks.core.errors import BenchmarkError, TrainingCollapsed
from benchmarks.data.cache import release
from benchmarks.degradations.rounding import to_uint8
from benchmarks.results.record import SanityCheck
from benchmarks.scoring.contrast import without_contrast
from benchmarks.scoring.pairs import Scored, Scorer, is_full
from benchmarks.scoring.protocol import Protocol
from benchmarks.scoring.seeding import seeded
from benchmarks.scoring.tiling import enlarge

CPU = torch.device("cpu")
SAMPLES = 6  # SR images that are kept
STRIP = 64  # rows that are rounded at a time


@dataclass(frozen=True)
class Evaluation:
    """Scores of a method and its SR images.

    Attributes:
        scored: scores of every image.
        images: SR images ``(H, W, 3)`` uint8 RGB by name, a few spread over the split.
        without_contrast: names of the images whose HR window is flat.
        sanity: outcomes of sanity checks.
    """

    scored: Scored
    images: dict[str, Image]
    without_contrast: tuple[str, ...] = ()
    sanity: tuple[SanityCheck, ...] = ()


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
    """Enlarge every LR image and score the SR images, of which a few are in memory at a time.

    Args:
        method: ``(N, 3, h, w)`` in [0, 1] -> ``(N, 3, scale * h, scale * w)``.
        pairs: LR and HR images of a split.
        protocols: protocols of comparison.
        metrics: metrics to compute.
        tile: side of a tile in LR pixels; 0 for whole images.
        threads: pairs that are scored at a time; no number depends on it.
        report: called after every enlarged image with the number done and the number of all.
        device: device of the method's networks; scores are computed on the CPU.

    Returns:
        Scores and SR images. A metric whose weights cannot be had is listed as missing.

    Raises:
        TrainingCollapsed: an output is not finite.
        UsageError: an image does not suit a protocol.
        BenchmarkError: an output is no SR image of its LR image.
    """
    scorer = Scorer(protocols, metrics, threads=threads)
    scored, kept, flat, done = scorer.empty(), dict[str, Image](), list[str](), 0
    samples = {pair.name for pair in pairs[:: max(1, len(pairs) // SAMPLES)][:SAMPLES]}
    for chunk in _chunks(pairs, threads):
        images = {}
        for pair in chunk:
            try:
                images[pair.name] = super_resolve(method, pair.lr, tile, device)
            except BenchmarkError as error:
                raise type(error)(f"image {pair.name}: {error}") from error
            done += 1
            report(done, len(pairs))
        scorer.add(scored, {pair.name: partial(_loaded, images[pair.name], pair.hr) for pair in chunk})
        flat += without_contrast(chunk)
        kept |= {name: image for name, image in images.items() if name in samples}
        release(image for pair in chunk for image in (pair.lr, pair.hr))
    return Evaluation(scored, kept, tuple(flat))


def _chunks(pairs: Sequence[Pair], threads: int) -> Iterator[list[Pair]]:
    """Pairs in their order, a few at a time, as many as fit into memory beside each other."""
    chunk: list[Pair] = []
    for pair in pairs:
        chunk.append(pair)
        if is_full(len(chunk), sum(pair.hr.shape[0] * pair.hr.shape[1] for pair in chunk), threads):
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def super_resolve(method: Method, lr: Image, tile: int = 0, device: torch.device = CPU) -> Image:
    """Enlarge an image. Random numbers that the method draws from global generators follow from the LR image.

    Args:
        method: ``(N, 3, h, w)`` in [0, 1] -> ``(N, 3, scale * h, scale * w)``.
        lr: ``(h, w, 3)`` uint8 RGB.
        tile: side of a tile in LR pixels; 0 for the whole image at once.
        device: device of the method's networks.

    Returns:
        ``(scale * h, scale * w, 3)`` uint8 RGB, clipped and rounded half up.

    Raises:
        TrainingCollapsed: the output is not finite.
        UsageError: the tile is too small for the method.
        BenchmarkError: the output is no SR image of the LR image.
    """
    batch = torch.from_numpy(np.ascontiguousarray(lr.transpose(2, 0, 1))).unsqueeze(0).to(device).float() / 255
    with seeded(lr, device=device):
        sr = enlarge(method, batch, tile)[0].permute(1, 2, 0).cpu()
    if not torch.isfinite(sr).all():
        raise TrainingCollapsed("the method's output is not finite: its training has diverged")
    image = np.empty(sr.shape, np.uint8)
    for top in range(0, len(image), STRIP):  # a whole image of float64 would take eight times the memory
        image[top : top + STRIP] = to_uint8(sr[top : top + STRIP].double().numpy() * 255)
    return image


def _loaded(sr: Image, hr: Image) -> tuple[Image, Image]:
    return sr, hr
