"""Computation of a cell in a workspace, the same for all executors."""

from __future__ import annotations

import hashlib
import io
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import IO, TYPE_CHECKING, Any, TypeVar

from benchmarks.api.image import Image
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.methods import method_class, stage_class
from benchmarks.catalog.protocols import get_protocol
from benchmarks.core.errors import BenchmarkError, CodeChanged, TrainingCollapsed, Unexpected, UsageError
from benchmarks.core.files import write_atomically
from benchmarks.core.interruption import is_foreign_exit
from benchmarks.core.lazy import load_module
from benchmarks.core.progress.optimiser_steps import OptimiserSteps
from benchmarks.execution.kept_metrics import kept
from benchmarks.execution.picture_scores import score_pictures
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell, StageSettings
from benchmarks.planning.identity import changed_inputs
from benchmarks.results.files import SCHEMA
from benchmarks.results.layout import CHECKPOINT, SAMPLES, WEIGHTS, sample_names
from benchmarks.results.provenance import environment, git
from benchmarks.results.record import (
    COMPLETE,
    DIVERGED,
    DataRecord,
    EvaluationResult,
    EvaluationSettings,
    Interval,
    Numerics,
    Result,
    TrainingResult,
)
from benchmarks.statistics.intervals import ScoreMatrix, estimate

if TYPE_CHECKING:
    from benchmarks.scoring.evaluation import Evaluation
    from benchmarks.training.loop import Training

# steps (training) or images (evaluation) done, their number, losses
ProgressCallback = Callable[[int, int, dict[str, float]], None]
AnyResult = TypeVar("AnyResult", bound=Result)
Computed = tuple[Result, dict[str, bytes]]  # the result, and the other files of the cell by their paths in its folder


def run_cell(cell: Cell, workspace: Workspace, report: ProgressCallback = lambda done, total, losses: None) -> Result:
    """Compute a cell and store its result.

    A training that collapses has a result too, and so have the cells that need it: the status is ``diverged``, and a diagnosis
    replaces the numbers. Its last checkpoint, if one was written, is kept.

    The code and the cards of weights that the cell's identity was taken from are compared before and after the code is imported,
    and again before anything is written.

    Args:
        cell: a cell whose needed cells are finished in the workspace.
        workspace: results folder to read from and write to.
        report: called with steps (training) or images (evaluation) done, their total number, and the latest losses.

    Returns:
        The stored result.

    Raises:
        UsageError: a needed cell is not finished, or files are missing or corrupt.
        CodeChanged: the code was edited while it ran; earlier files of the cell stay as they are.
        BenchmarkError: the code was edited before it ran, breaks its contract, or tried to end the process.
    """
    started = time.monotonic()
    files, needed_weights = dict[str, bytes](), dict[str, str]()
    try:
        needed_weights = _needed_weights(cell, workspace)
        result, files = _train(cell, workspace, report) if cell.kind == "train" else _evaluate(cell, workspace, report)
    except TrainingCollapsed as error:
        result = _diverged(cell, error)
    except BaseException as error:
        if is_foreign_exit(error):
            trace = "".join(traceback.format_exception(error))
            raise Unexpected(f"its code tried to end the process: {error!r}", trace) from error
        raise
    if changed := changed_inputs(cell):
        raise CodeChanged(f"{_names(changed)} while it was computed: its result is not kept: run again")
    result = replace(result, needed_weights=needed_weights)
    result = store(cell, result, files, workspace, time.monotonic() - started)
    if result.status == COMPLETE:
        workspace.discard_checkpoint(cell)
    return result


def store(cell: Cell, result: AnyResult, files: Mapping[str, bytes], workspace: Workspace, seconds: float) -> AnyResult:
    """Write a cell's files, then its result with the seconds that it took and the present time. Returns the written result."""
    for name, content in files.items():
        write_atomically(workspace.folder(cell) / name, partial(_write, content))
    finished_at = datetime.now(timezone.utc).isoformat(timespec="microseconds")
    result = replace(result, seconds=round(seconds, 3), finished_at=finished_at)
    workspace.write(cell, result)
    return result


def follow(cells: Sequence[Cell], workspace: Workspace) -> None:
    """Take part in each training that the first process announces. For all processes but the first; writes nothing."""
    from benchmarks.training.distributed import announced

    by_id = {cell.id: cell for cell in cells}
    while (cell_id := announced()) is not None:
        with suppress(TrainingCollapsed):  # the first process reports it
            _trained(by_id[cell_id], workspace, lambda done, total, losses: None)


def _needed_weights(cell: Cell, workspace: Workspace) -> dict[str, str]:
    """Digests of the weights that the cell starts from, by stage.

    Raises:
        UsageError: a needed cell is not finished.
        TrainingCollapsed: a needed cell has diverged.
    """
    digests = {}
    for stage, needed in cell.needs.items():
        result = workspace.read(needed)
        if result is None:
            raise UsageError(f"{cell}: needs cell {needed.id} ({needed}), which is not complete: run it first")
        if result.has_diverged:
            raise TrainingCollapsed(f"{needed} has diverged: {result.diagnosis}")
        if isinstance(result, TrainingResult):
            digests[stage] = result.weights_digest
    return digests


def _load_code(cell: Cell) -> None:
    """Import all modules that decide the cell's outcome, for none may be imported later, when its source has been edited."""
    for _ in range(2):
        if changed := changed_inputs(cell):
            raise BenchmarkError(f"{_names(changed)} since the run was planned: undo it, or run again with the new code")
        for module in cell.sources:
            load_module(module, f"the code of '{cell.label}'")


def _names(files: Sequence[str]) -> str:
    return f"{', '.join(files)} {'has' if len(files) == 1 else 'have'} been edited"


def _common(cell: Cell) -> dict[str, Any]:
    """Fields of a result that do not depend on its outcome. Times are filled in at the end."""
    return {
        "schema": SCHEMA,
        "status": COMPLETE,
        "cell": cell.record,
        "profile": cell.profile or None,
        "changes": cell.changes,
        "settings": cell.settings.record if isinstance(cell.settings, StageSettings) else cell.settings,
        "data": _data_record(cell),
        "seconds": 0.0,
        "finished_at": "",
        "environment": environment(),
        "git": git(),
    }


def _data_record(cell: Cell) -> DataRecord:
    described: dict[str, Any] = cell.data.describe(cell.splits)
    others = {needed.dataset for needed in cell.needs.values()} - {cell.dataset} if cell.kind == "evaluate" else set()
    trained_on = ", ".join(sorted(others))
    return DataRecord(digest=cell.data_digest, scale=cell.data.card.scale, trained_on=trained_on, **described)


def _diverged(cell: Cell, error: TrainingCollapsed) -> Result:
    """A result with a diagnosis in place of numbers."""
    fields = {**_common(cell), "status": DIVERGED, "diagnosis": " ".join(str(error).split())}
    if cell.kind == "train":
        return TrainingResult(**fields, history=tuple(error.history))
    return EvaluationResult(**fields, scores={}, exploratory=cell.exploratory)


def _train(cell: Cell, workspace: Workspace, report: ProgressCallback) -> Computed:
    from benchmarks.core.device import device, rounds_to_tf32
    from benchmarks.results.trained import pack_weights
    from benchmarks.training.distributed import announce, leave, size
    from benchmarks.training.stage import effective_precision

    announce(cell.id)
    try:
        training = _trained(cell, workspace, report)
    except TrainingCollapsed:  # raised by all processes alike, which stay together
        raise
    except BaseException:
        leave()
        raise
    content = pack_weights(training.weights)
    result = TrainingResult(
        **_common(cell),
        weights_digest=hashlib.sha256(content).hexdigest(),
        precision=effective_precision(cell.stage_settings.training),
        device=device().type,
        tf32=rounds_to_tf32(),
        processes=size(),
        training_seconds=round(training.seconds, 3),
        history=tuple(training.history),
    )
    return result, {WEIGHTS: content}


def _trained(cell: Cell, workspace: Workspace, report: ProgressCallback) -> Training:
    """Train the stage of a cell. Each process that takes part calls this."""
    from benchmarks.data.acquisition.weights import fetch, load_weight_card
    from benchmarks.training.cell import train_stage
    from benchmarks.training.stage import StageImages

    _load_code(cell)
    if cell.seed is None:
        raise TypeError(f"{cell}: a training needs a seed")
    for name in cell.settings.weights:
        fetch(load_weight_card(name))  # now, although a loss may need them only after days of training
    steps = cell.steps or 0
    return train_stage(
        stage_class(cell.label),
        cell.stage_settings,
        StageImages(cell.data.images, cell.label, cell.splits),
        _needed_stages(cell, workspace),
        seed=cell.seed,
        threads=cell.settings.threads,
        checkpoint=workspace.folder(cell) / CHECKPOINT,
        report=lambda step, losses: report(step, steps, losses),
    )


def _needed_stages(cell: Cell, workspace: Workspace) -> Mapping[str, TrainedStage]:
    from benchmarks.results.trained import load_stage

    return {name: load_stage(workspace.folder(needed)) for name, needed in cell.needs.items()} | cell.inference_stage


def _evaluate(cell: Cell, workspace: Workspace, report: ProgressCallback) -> Computed:
    has_truth = cell.data.card.has_truth(_evaluation_settings(cell).split)
    _load_code(cell)
    with _image_progress(cell, report) as report_images:
        evaluation = (_scored if has_truth else _enlarged)(cell, workspace, report_images)
    return evaluation_result(cell, evaluation, dict(_trained_with(cell, workspace)))


@contextmanager
def _image_progress(cell: Cell, report: ProgressCallback) -> Iterator[Callable[[int, int], None]]:
    """Function that reports images done; inside the block, steps on an image of a method that trains on it are reported too."""
    if not _evaluation_settings(cell).inference:
        yield lambda done, total: report(done, total, {})
        return
    sources = cell.data.card.sources(_evaluation_settings(cell).split)
    images_done, images = 0, len((sources.lr or sources.hr).images)

    def report_images(done: int, total: int) -> None:
        nonlocal images_done
        images_done = done
        steps.restart()
        report(done, total, {})

    with OptimiserSteps(lambda number: report(images_done, images, {"step": number})) as steps:
        yield report_images


def evaluation_result(
    cell: Cell, evaluation: Evaluation, trained_with: Mapping[str, Numerics]
) -> tuple[EvaluationResult, dict[str, bytes]]:
    """The result of an evaluation cell without its duration, and its sample images as files.

    Args:
        cell: the evaluation cell.
        evaluation: scores and SR images.
        trained_with: precision, device and versions of each needed training, by stage.
    """
    from benchmarks.core.device import device

    has_truth = cell.data.card.has_truth(_evaluation_settings(cell).split)
    pictures = () if has_truth else tuple(evaluation.images)
    samples = pictures or sample_names(list(evaluation.images))
    scored = evaluation.scored
    columns = [values for metrics in scored.scores.values() for values in metrics.values()]
    groups = {name: cell.data.card.photograph(name) for name in (*pictures, *(name for values in columns for name in values))}
    result = EvaluationResult(
        **_common(cell),
        device=device().type,
        scores=scored.scores,
        shifts=scored.shifts,
        summary=_summary(scored.scores, groups),
        missing=scored.missing,
        pictures=pictures,
        exploratory=cell.exploratory,
        without_contrast=evaluation.without_contrast,
        sanity=evaluation.sanity,
        groups=groups,
        trained_with=dict(trained_with),
    )
    return result, {f"{SAMPLES}/{name}.png": _png(evaluation.images[name]) for name in samples}


def _summary(
    scores: Mapping[str, Mapping[str, Mapping[str, float]]], groups: Mapping[str, str]
) -> dict[str, dict[str, Interval]]:
    """Means with intervals over photographs, by protocol and metric. The interval is about this training."""
    return {
        protocol: {metric: _interval(values, groups) for metric, values in metrics.items()}
        for protocol, metrics in scores.items()
    }


def _interval(values: Mapping[str, float], groups: Mapping[str, str]) -> Interval:
    mean = estimate(ScoreMatrix.fixed(list(values.values())), [groups[image] for image in values])
    return Interval(mean.mean, mean.low, mean.high)


def _trained_with(cell: Cell, workspace: Workspace) -> Iterator[tuple[str, Numerics]]:
    for stage, needed in cell.needs.items():
        result = workspace.read(needed)
        if isinstance(result, TrainingResult):
            yield stage, result.numerics


def _evaluation_settings(cell: Cell) -> EvaluationSettings:
    if not isinstance(cell.settings, EvaluationSettings):
        raise TypeError(f"{cell}: settings of an evaluation are needed")
    return cell.settings


def _scored(cell: Cell, workspace: Workspace, report: Callable[[int, int], None]) -> Evaluation:
    """SR images of a split, scored against its HR images."""
    from benchmarks.scoring.cell import evaluate_method

    settings = _evaluation_settings(cell)
    return evaluate_method(
        method_class(cell.method),
        _needed_stages(cell, workspace),
        cell.data.images,
        [get_protocol(name) for name in settings.protocols],
        kept(settings.metrics),
        dict.fromkeys(settings.sanity, cell.training_data.images) if cell.training_data else {},
        split=settings.split,
        tile=settings.tile,
        threads=settings.threads,
        report=report,
    )


def _enlarged(cell: Cell, workspace: Workspace, report: Callable[[int, int], None]) -> Evaluation:
    """SR images of a split without ground truth, scored by no-reference metrics."""
    from benchmarks.scoring.pictures import enlarge_images

    settings = _evaluation_settings(cell)
    evaluation = enlarge_images(
        method_class(cell.method),
        _needed_stages(cell, workspace),
        cell.data.lr(settings.split),
        cell.data.card.scale,
        {},
        tile=settings.tile,
        threads=settings.threads,
        report=report,
    )
    return replace(evaluation, scored=score_pictures(evaluation.images, kept(settings.metrics)))


def _png(image: Image) -> bytes:
    from PIL import Image as PillowImage

    file = io.BytesIO()
    PillowImage.fromarray(image).save(file, format="PNG")
    return file.getvalue()


def _write(content: bytes, file: IO[bytes]) -> None:
    file.write(content)
