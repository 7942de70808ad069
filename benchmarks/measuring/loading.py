"""Speed of training patches: our sampler and its mapped cache, compared with BasicSR's data set and torch's loader."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.core.text import counted
from benchmarks.measuring.figures import Figure

if TYPE_CHECKING:
    from torch import Tensor

    from benchmarks.api.image import Image
    from benchmarks.data.pixels.sampler import PatchSampler

SCALE = 4
BLOCK = 2.0  # seconds of a measurement of a rate

Batch = tuple["Tensor", "Tensor"]  # LR, HR


@dataclass(frozen=True)
class LoadingTimes:
    """Times of both implementations, on the same PNG files.

    Attributes:
        images: number of pairs of files.
        workers: processes of torch's loader.
        ours: seconds a pair of patches, of our sampler.
        theirs: seconds a pair of patches, of BasicSR.
        first_start: seconds until our first batch, with an empty cache.
        later_start: seconds until our first batch, with the images in the cache.
        their_start: seconds until BasicSR's first batch.
    """

    images: int
    workers: int
    ours: float
    theirs: float
    first_start: float
    later_start: float
    their_start: float


@dataclass(frozen=True)
class _Files:
    """Pairs of PNG files with the same names in two folders, and the sizes of the batches that are cut from them."""

    folder: Path
    patch_size: int  # LR pixels
    batch_size: int

    @property
    def hr(self) -> Path:
        return self.folder / "hr"

    @property
    def lr(self) -> Path:
        return self.folder / "lr"


def measure_loading(images: Iterable[Image], *, patch_size: int, batch_size: int, repeat: int) -> Iterator[Figure]:
    """Figures of ``compare_loading``, whose arguments and errors they have."""
    times = compare_loading(images, patch_size=patch_size, batch_size=batch_size, repeat=repeat)
    rate = f"patches of {patch_size} and {SCALE * patch_size} pixels, batch {batch_size}, {counted(times.images, 'image')}"
    against = f"basicsr, {counted(times.workers, 'worker')}"
    yield Figure(rate, against, times.ours, times.theirs, unit="pairs/s")
    yield Figure("until the first batch, nothing cached", against, times.first_start, times.their_start, unit="s")
    yield Figure("until the first batch, images cached", against, times.later_start, times.their_start, unit="s")


def compare_loading(images: Iterable[Image], *, patch_size: int, batch_size: int, repeat: int) -> LoadingTimes:
    """Measure both implementations on HR and LR images that are written to a temporary folder as PNG.

    Args:
        images: HR images ``(H, W, 3)`` uint8 RGB, read one at a time and cut to multiples of 4; bicubic x1/4 makes the LR images.
        patch_size: side of a patch in LR pixels.
        batch_size: pairs of patches per batch.
        repeat: measurements of a rate; the best counts.

    Raises:
        UsageError: an image is smaller than a patch, or the temporary folder is full.
        BenchmarkError: the implementations decode an image differently, or a batch has an unexpected shape, type or range.
    """
    with TemporaryDirectory(prefix="cincgan-speed-") as folder:
        files = _Files(Path(folder), patch_size, batch_size)
        count = _write_pairs(files, images)
        with _cache_in(files.folder / "cache"):
            _check_decoded(files)
            first_start, _ = _our_start(files)
            later_start, sampler = _our_start(files)
        ours = _rate(files, "the sampler", sampler.draw_pairs, repeat)
        workers = os.cpu_count() or 1
        with closing(_their_batches(files, workers)) as batches:
            their_start = _their_start(batches, workers)
            theirs = _rate(files, "basicsr", lambda: next(batches), repeat)
    return LoadingTimes(count, workers, ours, theirs, first_start, later_start, their_start)


def _write_pairs(files: _Files, images: Iterable[Image]) -> int:
    from PIL import Image as PillowImage

    from benchmarks.core.files import write_atomically
    from benchmarks.degradations.bicubic import Bicubic

    count = 0
    for image in images:
        height, width = (length - length % SCALE for length in image.shape[:2])
        if min(height, width) < SCALE * files.patch_size:
            size = f"{image.shape[1]}x{image.shape[0]}"
            raise UsageError(f"--patch-size {files.patch_size}: x1/{SCALE} of an image of {size} is smaller: lower it")
        hr = image[:height, :width]
        for folder, pixels in ((files.hr, hr), (files.lr, Bicubic().degrade(hr, SCALE, ""))):
            picture = PillowImage.fromarray(pixels)
            write_atomically(folder / f"{count:05d}.png", partial(picture.save, format="PNG"))
        count += 1
    return count


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """Use another, empty cache inside the block."""
    usual = os.environ.get("CINCGAN_CACHE")
    os.environ["CINCGAN_CACHE"] = str(folder)
    try:
        yield
    finally:
        del os.environ["CINCGAN_CACHE"]
        if usual is not None:
            os.environ["CINCGAN_CACHE"] = usual


def _our_start(files: _Files) -> tuple[float, PatchSampler]:
    import torch

    from benchmarks.data.cache import stack
    from benchmarks.data.pixels.sampler import PatchSampler

    started = time.perf_counter()
    lr, hr = (stack(sha256(folder.name.encode()).hexdigest(), partial(_decoded, folder)) for folder in (files.lr, files.hr))
    sampler = PatchSampler(
        lr, paired=hr, patch_size=files.patch_size, batch_size=files.batch_size, generator=torch.Generator().manual_seed(0)
    )
    sampler.draw_pairs()
    return time.perf_counter() - started, sampler


def _decoded(folder: Path) -> Iterator[Image]:
    for path in sorted(folder.iterdir()):
        yield _pixels(path)


def _pixels(path: Path) -> Image:
    from benchmarks.data.pixels.decode import decode

    return decode(path, path.name, "run it again")


def _their_start(batches: Iterator[Batch], workers: int) -> float:
    """Seconds until BasicSR's first batch. Batches that its workers have made ahead meanwhile are used up."""
    started = time.perf_counter()
    next(batches)
    seconds = time.perf_counter() - started
    for _ in range(3 * workers):
        next(batches)
    return seconds


def _their_batches(files: _Files, workers: int) -> Generator[Batch, None, None]:
    """Endless batches of BasicSR: its workers are started once, as by BasicSR's own sampler."""
    from torch.utils.data import DataLoader, RandomSampler

    from benchmarks.measuring.basicsr_oracles import paired_image_dataset

    data = paired_image_dataset(files.hr, files.lr, scale=SCALE, hr_patch_size=SCALE * files.patch_size)
    endless = RandomSampler(data, replacement=True, num_samples=1 << 62)  # type: ignore[arg-type]
    loader = DataLoader(data, files.batch_size, sampler=endless, num_workers=workers, multiprocessing_context="fork")
    for batch in loader:
        yield batch["lq"], batch["gt"]


def _rate(files: _Files, who: str, draw: Callable[[], Batch], repeat: int) -> float:
    """Seconds a pair of patches: the best of several blocks, after a batch is checked."""
    _check_batch(files, who, draw())
    seconds = []
    for _ in range(repeat):
        pairs, started = 0, time.perf_counter()
        while (passed := time.perf_counter() - started) < BLOCK:
            draw()
            pairs += files.batch_size
        seconds.append(passed / pairs)
    return min(seconds)


def _check_batch(files: _Files, who: str, batch: Batch) -> None:
    import torch

    for patches, side in zip(batch, (files.patch_size, SCALE * files.patch_size), strict=True):
        in_range = patches.min() >= 0 and patches.max() <= 1
        if patches.shape != (files.batch_size, 3, side, side) or patches.dtype != torch.float32 or not in_range:
            form = f"{tuple(patches.shape)} {patches.dtype} in [{patches.min():.3g}, {patches.max():.3g}]"
            raise BenchmarkError(f"{who}: a batch is {form}, not ({files.batch_size}, 3, {side}, {side}) float32 in [0, 1]")


def _check_decoded(files: _Files) -> None:
    """Raise BenchmarkError if BasicSR decodes any image, as float32 RGB, to other pixels than we do."""
    import numpy as np

    from benchmarks.measuring.basicsr_oracles import paired_image_dataset

    theirs = paired_image_dataset(files.hr, files.lr, scale=SCALE, hr_patch_size=None)
    for index in range(len(theirs)):  # type: ignore[arg-type]
        item = theirs[index]
        for key in ("lq", "gt"):
            path = Path(item[f"{key}_path"])
            ours = np.divide(_pixels(path), np.float32(255), dtype=np.float32)
            if not np.array_equal(item[key].numpy().transpose(1, 2, 0), ours):
                raise BenchmarkError(f"{path.parent.name}/{path.name}: basicsr decodes other pixels: its speed says nothing")
