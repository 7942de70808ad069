"""A report of SR images without ground truth that were made elsewhere: scores of ``evaluate`` beside the images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.files import hash_file
from benchmarks.core.text import counted
from benchmarks.data.pixels.decode import decode
from benchmarks.results.layout import SAMPLES, sample_names
from benchmarks.results.provenance import environment, git
from benchmarks.results.record import (
    OWN_CODE,
    CellRecord,
    DataRecord,
    EvaluationResult,
    EvaluationSettings,
)
from reports.build import build
from reports.scores import MethodScores, ScoreSheet
from reports.studies import FinishedCell
from reports.tables import ELSEWHERE

DATASET = "SR images"  # name in headings: their LR images are not known
UNRECORDED = "SR images made elsewhere: methods and trainings are not recorded"


def build_report(sheet: ScoreSheet, files: Mapping[str, Mapping[str, Path]], output: Path) -> Path:
    """Write a page with the scores of SR images, and a few of the images side by side.

    Args:
        sheet: scores without ground truth.
        files: SR image files by method and name.
        output: folder of the report; files that an earlier build wrote are replaced or removed.

    Returns:
        The page.

    Raises:
        UsageError: the folder has a file of the same name that no build wrote.
    """
    shown = sample_names(_scored_by_all(sheet))
    with TemporaryDirectory() as folder:
        cells = [
            _cell(sheet, method, files[method.name], shown, Path(folder) / str(number))
            for number, method in enumerate(sheet.methods)
        ]
        build(cells, output)
    return output.resolve() / "index.html"


def _scored_by_all(sheet: ScoreSheet) -> list[str]:
    """Images that have every metric in every method: a table is of the same images for all."""
    first, *others = [sheet.images(metric) for metric in sheet.metrics]
    return [image for image in first if all(image in images for images in others)]


def _cell(sheet: ScoreSheet, method: MethodScores, files: Mapping[str, Path], shown: list[str], folder: Path) -> FinishedCell:
    """A method's scores as a finished evaluation, with the images that the page shows in its folder."""
    images = _scored_by_all(sheet)
    label = " › ".join(Path(method.name).parts)
    digest = hashlib.sha256("".join((label, *(hash_file(files[image]).hexdigest() for image in images))).encode()).hexdigest()
    (folder / SAMPLES).mkdir(parents=True)
    for name in shown:
        _write_png(files[name], folder / SAMPLES / f"{name}.png")
    result = EvaluationResult(
        schema=4,
        status="complete",
        cell=CellRecord(
            digest[:16], "evaluate", label, DATASET, None, {}, f"{OWN_CODE} SR images of {counted(len(images), 'file')}"
        ),
        data=DataRecord(hashlib.sha256("\n".join(images).encode()).hexdigest(), 1),
        seconds=0.0,
        finished_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        environment=environment(),
        git=git(),
        profile=ELSEWHERE,
        device="cpu",
        settings=EvaluationSettings({sheet.protocol.name: sheet.protocol.version}, dict(_metrics(sheet))),
        scores={
            sheet.protocol.name: {metric: {image: method.scores[metric][image] for image in images} for metric in sheet.metrics}
        },
        missing=dict(sheet.missing),
        pictures=tuple(images),
        exploratory=UNRECORDED,
        groups=dict(zip(images, sheet.photographs(images), strict=True)),
    )
    return FinishedCell(result, folder, "")


def _metrics(sheet: ScoreSheet) -> Iterator[tuple[str, dict[str, object]]]:
    """Code, options and weights of each metric, as settings of evaluations have them."""
    for name in sheet.metrics:
        entry = asdict(get_metric(name))
        yield name, {"target": entry["target"], **entry["options"], "weights": list(entry["weights"])}


def _write_png(source: Path, path: Path) -> None:
    from PIL import Image as PillowImage

    PillowImage.fromarray(decode(source, f"SR image {source.name}", "write it again")).save(path)
