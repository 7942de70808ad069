"""Scores of images in memory, or of folders of images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.core.errors import UsageError, WeightsMissing
from benchmarks.results.record import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.api.image import Image
    from benchmarks.data.file_pairs import FilePairs
    from benchmarks.scoring.pairs import Load

    Images = str | Path | NDArray[np.uint8] | Sequence[NDArray[np.uint8]] | Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Scores:
    """Scores of images under a protocol.

    Attributes:
        protocol: name of the protocol.
        images: a number for each metric and image.
        summary: mean over images with its 95 % interval, by metric. Each image counts as a photograph of its own.
        remarks: lines about files that make scores meaningless, such as results without contrast.
    """

    protocol: str
    images: dict[str, dict[str, float]]
    summary: dict[str, Interval]
    remarks: tuple[str, ...] = ()

    @property
    def composites(self) -> dict[str, float]:
        """Composite scores of which all metrics are there, by name (``docs/protocols.md``)."""
        from benchmarks.catalog.composites import composite_scores

        return composite_scores(self.mean)

    @property
    def mean(self) -> dict[str, float]:
        """Mean over images by metric."""
        return {metric: interval.mean for metric, interval in self.summary.items()}


def evaluate(sr: Images, hr: Images, protocol: str, metrics: str | Sequence[str] = ("psnr", "ssim")) -> Scores:
    """Score SR images against their HR images under a named protocol, as ``python -m benchmarks.evaluate`` does.

    Args:
        sr: SR images: an array ``(H, W, 3)`` or ``(N, H, W, 3)`` uint8 RGB, a sequence of such images, images by name, or a
            folder of image files.
        hr: HR images in the same form. Files are paired by name, arrays by their order.
        protocol: name of the protocol, one of ``PROTOCOLS``.
        metrics: names of metrics, a sequence or separated by commas: those of ``METRICS``, composite scores, and
            pyiqa's.

    Raises:
        UsageError: a name is unknown, a metric does not suit the protocol, or images are of other types, sizes or numbers.
        WeightsMissing: weights of a metric can neither be found nor downloaded. Nothing is scored.

    Examples:
        >>> import numpy as np
        >>> from benchmarks import evaluate
        >>> hr = np.random.default_rng(0).integers(0, 250, (2, 32, 32, 3), dtype=np.uint8)
        >>> scores = evaluate(hr + 5, hr, protocol="rgb", metrics="psnr")
        >>> scores.images
        {'psnr': {'0': 34.151..., '1': 34.151...}}
        >>> round(scores.mean["psnr"], 2)
        34.15
    """
    from benchmarks.catalog.composites import expanded
    from benchmarks.catalog.metrics import get_metric
    from benchmarks.catalog.protocols import get_protocol
    from benchmarks.scoring.pairs import Scorer
    from benchmarks.statistics.intervals import ScoreMatrix, estimate

    chosen = get_protocol(protocol)
    entries = [get_metric(name) for name in expanded(listed(metrics, "metrics"))]
    if not chosen.view and (unsuitable := [entry.name for entry in entries if entry.target]):
        raise UsageError(f"protocol {protocol} has PSNR and SSIM only: for {', '.join(unsuitable)} use rgb or aligned-rgb")
    scorer = Scorer([chosen], entries, threads=os.cpu_count() or 1)
    if missing := scorer.empty().missing:
        raise WeightsMissing("; ".join(missing.values()))
    pairs, files = _pairs(sr, hr)
    scored = scorer.score(pairs)
    scores = scored.scores[protocol]
    summary = {}
    for metric, values in scores.items():
        mean = estimate(ScoreMatrix.fixed(list(values.values())), list(values))
        summary[metric] = Interval(mean.mean, mean.low, mean.high)
    return Scores(protocol, scores, summary, tuple(files.lines(scored.shifts.get(protocol, {}))) if files else ())


def listed(names: str | Sequence[str], what: str) -> list[str]:
    """Names out of a sequence, or out of a text with commas, each once. Raises UsageError if there are none."""
    parts = names.replace(",", " ").split() if isinstance(names, str) else list(names)
    if not parts or not all(isinstance(name, str) for name in parts):
        raise UsageError(f"{what}={names!a:.80}: give names, such as 'psnr' or ['psnr', 'ssim']")
    return list(dict.fromkeys(parts))


def _pairs(sr: Images, hr: Images) -> tuple[dict[str, Load], FilePairs | None]:
    """Functions that return SR and HR image, by name, and the files that they read, if they do."""
    are_folders = [isinstance(images, str | os.PathLike) for images in (sr, hr)]
    if all(are_folders):
        from benchmarks.data.file_pairs import FilePairs, refuse_own_truths
        from benchmarks.data.matching import match

        files = FilePairs(match(Path(str(sr)), Path(str(hr))))
        refuse_own_truths(files.paths, Path(str(sr)))
        return {name: partial(files.load, name) for name in files.paths}, files
    if any(are_folders):
        raise UsageError("sr and hr: one is a folder and the other are arrays: give two folders, or arrays for both")
    results, truths = _by_name(sr, "sr"), _by_name(hr, "hr")
    if results.keys() != truths.keys():
        raise UsageError(f"sr has {len(results)} images and hr {len(truths)}, or other names: give a HR image for each SR image")
    for name, result in results.items():
        if result.shape != truths[name].shape:
            raise UsageError(f"image {name}: sr has shape {result.shape}, hr {truths[name].shape}: they must be equal")
    return {name: partial(_both, results[name], truths[name]) for name in truths}, None


def _both(sr: Image, hr: Image) -> tuple[Image, Image]:
    return sr, hr


def _by_name(images: Any, what: str) -> dict[str, Image]:
    """Images by name, of arrays by their number. Raises UsageError for arrays that are no 8-bit RGB images."""
    import numpy as np

    if isinstance(images, Mapping):
        named = {str(name): image for name, image in images.items()}
    elif isinstance(images, np.ndarray) and images.ndim == 3:
        named = {"0": images}
    elif isinstance(images, np.ndarray | Sequence):
        named = {str(place): image for place, image in enumerate(images)}
    else:
        raise UsageError(f"{what}: {type(images).__name__}: give a folder, or arrays (H, W, 3) uint8 RGB")
    for name, image in named.items():
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            kind = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise UsageError(f"{what}, image {name}: {kind}: give uint8 RGB arrays (H, W, 3); round and clip floats first")
    if not named:
        raise UsageError(f"{what}: no images: give at least one")
    return named
