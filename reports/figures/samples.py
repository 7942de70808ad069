"""Sample images of a run: LR, HR and every method's output of a test image, the region where methods differ most, WebP files."""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.api.image import Image
from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.core.files import real_path
from benchmarks.data.cards import Apart, load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.data.pixels.decode import decode
from benchmarks.results.layout import SAMPLES, sample_names
from benchmarks.results.record import EvaluationResult
from benchmarks.scoring.metrics import luma
from reports.studies import FinishedCell, Study

LR, HR = "LR", "HR"
LARGEST = 384  # pixels a side on the page: larger images are cut around their region
SMALLEST_REGION = 32

Box = tuple[int, int, int, int]  # top, left, height, width in HR pixels


@dataclass(frozen=True)
class Sample:
    """One test image in all versions.

    Attributes:
        name: of the image.
        scale: HR pixels per LR pixel.
        images: ``(H, W, 3)`` uint8 RGB by method; ``LR`` ``(h, w, 3)`` first and ``HR`` last, if the data set is at hand.
        origin: the evaluation behind each method's image.
        region: the square where methods differ most.
    """

    name: str
    scale: int
    images: Mapping[str, Image]
    origin: Mapping[str, FinishedCell]
    region: Box

    def scores(self, method: str, protocol: str) -> dict[str, float]:
        """The image's scores under a protocol, by metric; none for LR and HR."""
        evidence = self.origin.get(method)
        metrics = evidence.evaluation.scores.get(protocol, {}) if evidence else {}
        return {metric: values[self.name] for metric, values in metrics.items() if self.name in values}


def load_samples(study: Study) -> tuple[list[Sample], list[str]]:
    """The sample images of a study's first seeds, in the order of the data set.

    Returns:
        1. The samples.
        2. Sentences on images that are left out, with the reasons.
    """
    first = {method: evidence[0] for method, evidence in study.methods.items()}
    files = {method: _files(evidence) for method, evidence in first.items()}
    stored = {name for images in files.values() for name in images}
    order = sample_names([name for name in _order(first.values()) if name in stored])
    if not order:
        return [], ["There are no sample images beside these results, so none are shown."]
    notes: list[str] = []
    try:
        result = next(iter(first.values())).evaluation
        inputs = input_images(result, order) if result.data.dataset or not result.pictures else {}  # of images made elsewhere
    except (BenchmarkError, OSError) as error:
        inputs = {}
        notes.append(f"LR and HR images are left out, for the data set is not at hand here: {' '.join(str(error).split())}.")
    samples = [_sample(name, first, _of_image(files, name), inputs.get(name, {}), notes) for name in order]
    return [sample for sample in samples if sample], notes


def _of_image(files: Mapping[str, Mapping[str, Path]], name: str) -> dict[str, Path]:
    """The file of one image by method."""
    return {method: images[name] for method, images in files.items() if name in images}


def _files(evidence: FinishedCell) -> dict[str, Path]:
    """Sample files of a cell by image. Links that lead out of the cell's folder are left out."""
    if evidence.folder is None:
        return {}
    home = real_path(evidence.folder)
    paths = sorted((evidence.folder / SAMPLES).glob("*.png"))
    return {path.stem: path for path in paths if real_path(path).is_relative_to(home)}


def _order(evidence: Iterable[FinishedCell]) -> list[str]:
    """Names of the test images, in the order of the data set."""
    return next((cell.evaluation.images for cell in evidence if cell.evaluation.images), [])


def input_images(result: EvaluationResult, wanted: Collection[str]) -> dict[str, dict[str, Image]]:
    """By name, the LR image of an evaluation under ``LR`` and its HR image, if there is one, under ``HR``.

    Images that are not ``wanted`` may be missing.

    Raises:
        UsageError: the data set is not on this machine, or its images differ from the scored ones.
    """
    data = result.data
    card = load_dataset_card(data.dataset or "")
    if not card.is_located:
        if not data.directory:
            raise UsageError("give the folder of its images with --data-dir")
        card = card.located_in(Path(data.directory), Apart(without_truth=bool(result.pictures)))
    split = result.settings.split
    dataset = Dataset.recorded(card, data.degradation, data.parameters)
    if dataset.digest(split) != data.digest:
        images = f"the {split} images of '{card.name}' here"
        raise UsageError(f"{images} have another digest than the scored ones: other files or code")
    if not card.has_truth(split):
        return {name: {LR: lr} for name, lr in dataset.lr(split).items()}
    return {pair.name: {LR: pair.lr, HR: pair.hr} for pair in dataset.images.pairs(split, only=wanted)}


def _sample(
    name: str, first: Mapping[str, FinishedCell], files: Mapping[str, Path], inputs: Mapping[str, Image], notes: list[str]
) -> Sample | None:
    images: dict[str, Image] = {}
    for method, path in files.items():
        try:
            images[method] = decode(path, f"sample '{name}' of {method}", "recompute the cell with --force")
        except UsageError as error:
            notes.append(f"Left out: {' '.join(str(error).split())}.")
    scale = next(iter(first.values())).result.data.scale
    for method in [method for method, image in images.items() if min(image.shape[:2]) < scale]:
        notes.append(f"Left out: sample '{name}' of {method} is smaller than the scale {scale}.")
        del images[method]
    if LR in inputs:
        height, width = inputs[LR].shape[:2]
        shape: tuple[int, ...] | None = (height * scale, width * scale, 3)
    else:
        shape = next((image.shape for image in images.values()), None)
    for method in [method for method, image in images.items() if image.shape != shape]:
        notes.append(f"Left out: sample '{name}' of {method} has another size than the image it is compared with.")
        del images[method]
    if not images:
        return None
    lr, hr = ({version: inputs[version]} if version in inputs else {} for version in (LR, HR))
    origin = {method: first[method] for method in images}
    return Sample(name, scale, {**lr, **images, **hr}, origin, most_different(list(images.values()), scale))


def most_different(images: Sequence[Image], grid: int) -> Box:
    """The square where the interquartile range of mean luma over the images is largest; one outlier does not change it.

    Args:
        images: ``(H, W, 3)`` uint8 RGB of one shape.
        grid: side of the blocks whose means are compared, in pixels, so that noise counts little; corners lie between blocks.

    Returns:
        Top, left, height and width; a quarter of the shorter side, at least 32 pixels where the image has them. The first in
        reading order where several differ as much.
    """
    height, width = (side // grid for side in images[0].shape[:2])
    lumas = np.stack([luma(image[: height * grid, : width * grid]) for image in images])
    blocks = lumas.reshape(len(images), height, grid, width, grid).mean(axis=(2, 4))
    low, high = np.quantile(blocks, [0.25, 0.75], axis=0)
    shorter = min(height, width)
    side = max(1, min(shorter, max(shorter // 4, SMALLEST_REGION // grid)))
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = (high - low).cumsum(0).cumsum(1)
    totals = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    row, column = np.unravel_index(int(np.round(totals, 6).argmax()), totals.shape)
    return int(row) * grid, int(column) * grid, side * grid, side * grid


def cut(image: Image, box: Box, factor: int = 1) -> Image:
    """Cut a box, given in HR pixels, out of an image whose pixels are ``factor`` HR pixels wide."""
    top, left, height, width = (value // factor for value in box)
    return image[top : top + height, left : left + width]


def view_box(sample: Sample) -> Box:
    """The part of a sample that the page shows: all, or ``LARGEST`` pixels a side around its region."""
    full = next(image for name, image in sample.images.items() if name != LR).shape
    top, left, height, width = sample.region
    rows = _around(top + height // 2, full[0], sample.scale)
    columns = _around(left + width // 2, full[1], sample.scale)
    return rows[0], columns[0], rows[1], columns[1]


def _around(middle: int, length: int, grid: int) -> tuple[int, int]:
    """Start and length of at most ``LARGEST`` pixels around the middle, within the image and on the grid of LR pixels."""
    size = min(length, LARGEST // grid * grid)
    return max(0, min(middle - size // 2, length - size)) // grid * grid, size


def webp(image: Image) -> bytes:
    """Content of a WebP file with an image ``(H, W, 3)`` uint8 RGB, without loss."""
    from PIL import Image as PillowImage

    file = io.BytesIO()
    PillowImage.fromarray(np.ascontiguousarray(image)).save(file, "WEBP", lossless=True, quality=50, method=0)
    return file.getvalue()


def shrunk(image: Image, largest: int) -> Image:
    """The image, made smaller if it has more than ``largest`` pixels a side."""
    from PIL import Image as PillowImage

    height, width = image.shape[:2]
    factor = largest / max(height, width)
    if factor >= 1:
        return image
    size = (math.ceil(width * factor), math.ceil(height * factor))
    return np.asarray(PillowImage.fromarray(np.ascontiguousarray(image)).resize(size, PillowImage.Resampling.LANCZOS))
