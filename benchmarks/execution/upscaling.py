"""Enlargement of a user's images with a method of the catalog, from weights of a run, of files, or released ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.api.contract import named_errors
from benchmarks.api.entries import MethodEntry
from benchmarks.api.image import Image
from benchmarks.api.method import Descriptor, Method, TrainedStage
from benchmarks.catalog.methods import get_method, inference_stage, method_class
from benchmarks.catalog.profiles import changed, load_profile
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.data.acquisition.weights import file_digest
from benchmarks.execution.outcome import say
from benchmarks.results.files import read_result
from benchmarks.results.layout import RESULT
from benchmarks.results.pretrained import load_packed
from benchmarks.results.record import EvaluationResult
from benchmarks.results.trained import latest_evaluation, stages_behind, stages_from_files

SCALE = 4  # of methods without training
WHOLE = 1 << 17  # LR pixels: larger images are cut into tiles where the evaluation enlarged whole images
DEFAULT = "demo"  # profile with the settings of methods that train inside their call, where no evaluation has them
TILE = 224  # LR pixels a side of these tiles; EDSR at the paper's size takes less than 3 GB for one
AT_ONCE = 1 << 20  # LR pixels of the largest image whose result is assembled in float32: larger ones go by bands


@dataclass(frozen=True)
class Enlarger:
    """A method with its weights, and how it is run.

    Attributes:
        name: name of the method.
        stages: trained stages by name; none for a method without training.
        scale: HR pixels per LR pixel.
        tile: side of a tile in LR pixels; 0 for whole images; None if large images alone are cut.
        threads: torch's threads on a CPU.
        origin: sentence on the weights.
    """

    name: str
    stages: Mapping[str, TrainedStage]
    scale: int
    tile: int | None
    threads: int
    origin: str

    @contextmanager
    def built(self, longest: int = 0) -> Iterator[Callable[[Image, Callable[[int, int], None]], Image]]:
        """Function that enlarges an image ``(h, w, 3)`` uint8 RGB and reports bands done. Inside the block only.

        Args:
            longest: longest side of all images in LR pixels, as far as it is known: longer ones than a tile are cut into tiles.

        Raises:
            UsageError: weights are missing, or the tile is too small for the method. The function: the image is, or the tile.
            BenchmarkError: the method breaks the contract of ``api.contract``. The function: it fails, or needs too much memory.
        """
        from benchmarks.scoring.building import built_method

        smallest = get_method(self.name).smallest
        with built_method(method_class(self.name), self.stages, self.scale, self.threads) as method:
            self._check_tile(method.descriptor, longest)

            def enlarge(lr: Image, report: Callable[[int, int], None]) -> Image:
                height, width = lr.shape[:2]
                if min(height, width) < smallest:
                    raise UsageError(f"{width}x{height} pixels: {self.name} needs {smallest} a side or more: leave it out")
                may_tile = method.descriptor.tiles and height * width > WHOLE
                tile = self.tile if self.tile is not None else TILE if may_tile else 0
                with _named_memory_errors(tile), named_errors(f"method '{self.name}'"):
                    return enlarge_by_bands(method, lr, tile, report)

            yield enlarge

    def _check_tile(self, descriptor: Descriptor, longest: int) -> None:
        """Raise UsageError if a side of this length would be cut into tiles that have no room for their margins."""
        from benchmarks.scoring.tiling import margin

        multiple = descriptor.multiple
        least = (-(-2 * margin(descriptor) // multiple) + 1) * multiple
        if self.tile and self.tile < least and self.tile < longest:
            raise UsageError(
                f"--tile {self.tile}: too small for {self.name}: give {least} or more LR pixels, or 0 for whole images"
            )


def enlarge_by_bands(method: Method, lr: Image, tile: int, report: Callable[[int, int], None]) -> Image:
    """Enlarge an image, in bands of rows if it is large and cut into tiles, so that one band at a time is in float32.

    Args:
        method: ``(N, 3, h, w)`` in [0, 1] -> ``(N, 3, scale * h, scale * w)``.
        lr: ``(h, w, 3)`` uint8 RGB.
        tile: side of a tile in LR pixels; 0 for the whole image at once.
        report: called with the bands done and the number of all.

    Returns:
        ``(scale * h, scale * w, 3)`` uint8 RGB. An image of ``AT_ONCE`` pixels or fewer has the very pixels of an evaluation with
        this tile; of a larger one they agree within float32 rounding, if the method states its receptive field.

    Raises:
        BenchmarkError: as of ``super_resolve``.
    """
    from benchmarks.core.device import device
    from benchmarks.scoring.evaluation import super_resolve

    descriptor = method.descriptor
    height, width = lr.shape[:2]
    spans = [(0, height, slice(0, height))]
    if tile and height * width > AT_ONCE:
        spans = list(_bands(height, tile, descriptor))
    scale = descriptor.scale
    result: Image | None = None
    for done, (top, bottom, rows) in enumerate(spans, 1):
        band = super_resolve(method, lr[top:bottom], tile, device())
        if len(spans) == 1:
            result = band
        else:
            result = np.empty((height * scale, width * scale, 3), np.uint8) if result is None else result
            result[rows.start * scale : rows.stop * scale] = band[(rows.start - top) * scale : (rows.stop - top) * scale]
        report(done, len(spans))
    if result is None:
        raise ValueError("an image without rows")
    return result


def _bands(height: int, tile: int, descriptor: Descriptor) -> Iterator[tuple[int, int, slice]]:
    """Bands of rows that are a tile high, margins included: start, end, and the rows that are taken from each.

    Raises:
        UsageError: the tile is too small for the method.
    """
    from benchmarks.scoring.tiling import margin

    multiple = descriptor.multiple
    around = -(-margin(descriptor) // multiple) * multiple
    step = (tile - 2 * around) // multiple * multiple
    if step < 1:
        raise UsageError(f"a tile of {tile} LR pixels is too small for this method: it needs {2 * around + multiple} or more")
    for start in range(0, height, step):
        yield max(0, start - around), min(height, start + step + around), slice(start, min(height, start + step))


@contextmanager
def _named_memory_errors(tile: int) -> Iterator[None]:
    """Inside the block a lack of memory becomes a BenchmarkError that says how to do with less."""
    try:
        yield
    except (MemoryError, BenchmarkError) as error:
        cause = error.__cause__ if isinstance(error, BenchmarkError) else error
        if not isinstance(cause, MemoryError) and "alloc" not in str(cause):  # torch's errors, of a CPU and of a GPU
            raise
        mend = f"give a --tile smaller than {tile}" if tile else f"give --tile {TILE}"
        raise BenchmarkError(f"not enough memory: {mend}, or enlarge it on another machine") from error


def find_packed_enlarger(name: str, packed: str, tile: int | None, threads: int | None) -> Enlarger:
    """A method with the small weights of the package.

    Args:
        name: name of the method.
        packed: name of the packed weights.
        tile: side of a tile in LR pixels; 0 for whole images; None for the evaluation's.
        threads: torch's threads on a CPU; None for the evaluation's.

    Raises:
        UsageError: a name is unknown.
    """
    stages, card = load_packed(packed, name)
    evaluated = card.methods[name]
    origin = f"small weights of the package, '{packed}': trained on {card.dataset}, profile {card.profile}, seed {card.seed}"
    return Enlarger(
        name,
        stages,
        card.scale,
        (evaluated.tile or None) if tile is None else tile,
        evaluated.threads if threads is None else threads,
        origin,
    )


def find_enlarger(
    name: str, results: Path, weights: Sequence[Path], seed: int, tile: int | None, threads: int | None
) -> Enlarger:
    """A method with the weights of a run, of files, or released ones. An evaluation in the results folder gives tile and threads.

    Args:
        name: name of the method or variant.
        results: results folder of a run.
        weights: weight files of training cells in place of the run's.
        seed: of the training in the results folder.
        tile: side of a tile in LR pixels; 0 for whole images; None for the evaluation's.
        threads: torch's threads on a CPU; None for the evaluation's.

    Raises:
        UsageError: the method is unknown or not trained yet, or weights are missing or do not fit.
    """
    entry = get_method(name)
    if weights and not entry.stages:
        raise UsageError(f"--weights: method '{name}' has no training: leave the option out")
    if weights:
        stages = stages_from_files(weights, name, entry.stages)
        evaluation, origin = None, f"weights of {', '.join(map(str, weights))}"
    else:
        evaluation = _evaluation(results, entry.name, seed if entry.stages else None, is_needed=bool(entry.stages))
        stages = stages_behind(results, evaluation) if evaluation and entry.stages else {}
        origin = _origin(evaluation) if evaluation and entry.stages else ""
        if entry.inference:
            stages, origin = _from_settings(entry, evaluation)
    if any(profile == "smoke" for profile in _profiles(weights, evaluation)):
        origin += "; profile smoke trains for a few steps: the images mean nothing"
    scale = next(iter(stages.values())).scale if stages else SCALE
    if entry.file:
        scale, origin = method_class(name).scale(), f"sha256 {file_digest(Path(entry.file))}"
    if tile is None and evaluation:
        tile = evaluation.settings.tile or None
    if threads is None:
        threads = evaluation.settings.threads if evaluation else os.cpu_count() or 1
    return Enlarger(name, stages, scale, tile, threads, origin or ("released weights" if entry.weights else "untrained"))


def _evaluation(results: Path, name: str, seed: int | None, *, is_needed: bool) -> EvaluationResult | None:
    try:
        return latest_evaluation(results, name, seed, say)
    except UsageError:
        if is_needed:
            raise
        return None


def _from_settings(entry: MethodEntry, evaluation: EvaluationResult | None) -> tuple[dict[str, TrainedStage], str]:
    """Settings of a method that trains inside its call, of its evaluation or else of ``DEFAULT``, and a sentence on them."""
    profile = (evaluation.profile if evaluation else None) or DEFAULT
    values = (
        evaluation.settings.inference if evaluation else changed(load_profile(DEFAULT), entry.changes).inference_values(entry)
    )
    return inference_stage(entry, values, SCALE), f"trained on each image alone, profile {profile}"


def _profiles(weights: Sequence[Path], evaluation: EvaluationResult | None) -> list[str | None]:
    """Profiles of the trainings that weights are of."""
    folders = [path if path.is_dir() else path.parent for path in weights]
    trained = [evaluation.profile] if evaluation and (evaluation.cell.needs or evaluation.settings.inference) else []
    return [read_result(folder / RESULT).profile for folder in folders] + trained


def _origin(evaluation: EvaluationResult) -> str:
    """Sentence on the training behind an evaluation."""
    data = evaluation.data.trained_on or evaluation.data.dataset or evaluation.cell.dataset
    weak = "; undertrained: it fails its sanity check" if evaluation.undertrained else ""
    return f"trained on {data}, profile {evaluation.profile or 'unknown'}, seed {evaluation.cell.seed}{weak}"
