"""A user's own model scored like a method of the catalog, without a file for it."""

from __future__ import annotations

import hashlib
import re
import sysconfig
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.core.errors import BenchmarkError, UsageError, missing_prerequisite, unknown
from benchmarks.core.interruption import is_foreign_exit

if TYPE_CHECKING:
    from torch import Tensor

    from benchmarks.api.entries import ScoredSplit
    from benchmarks.api.method import Method, TrainedStage
    from benchmarks.catalog.profiles import Profile
    from benchmarks.execution.workspace import Workspace
    from benchmarks.planning.cells import Cell
    from benchmarks.results.record import EvaluationResult
    from benchmarks.scoring.evaluation import Evaluation

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,59}")
EXPLORATORY = "a user's own model: its code and training are not recorded"


def benchmark(
    model: Callable[[Tensor], Tensor],
    dataset: str | Path = "set5",
    protocol: str | Sequence[str] | None = None,
    name: str | None = None,
    *,
    metrics: str | Sequence[str] = ("psnr", "ssim"),
    output: str | Path = "runs",
    seed: int | None = None,
    split: ScoredSplit = "test",
    profile: str = "demo",
    changes: Sequence[str] = (),
    tile: int = 0,
    beside: Sequence[str] = ("bicubic",),
) -> EvaluationResult:
    """Score a model on a data set and store the result, which is a row of ``python -m reports.build`` beside other methods.

    Args:
        model: function or ``nn.Module`` that enlarges ``(N, 3, h, w)`` float32 RGB in [0, 1] to ``(N, 3, 4h, 4w)``; values beyond
            [0, 1] are clipped. Images are on the GPU if there is one, and a module is moved there; it is in evaluation mode
            meanwhile.
        dataset: name of a data set, or a folder of your own images (``docs/data.md``).
        protocol: name or names of protocols; None for all of the profile's, under which the row stands beside a run's.
        name: name of the row; the name of the function or class where None.
        metrics: names of metrics, as for ``evaluate``.
        output: results folder, of a run or new.
        seed: of your training, where several trainings of one model are scored.
        split: ``test``, or ``validation`` for choices.
        profile: profile whose degradation makes LR images, for data sets without LR images of their own.
        changes: changes to the profile, as of ``--set``.
        tile: side of a tile in LR pixels, in which large images are enlarged; 0 for whole images.
        beside: methods without training that are scored too, unless the folder has them; differences are to bicubic.

    Returns:
        The stored result: ``summary[protocol][metric]`` is a mean with its interval, ``scores[protocol][metric]`` has each image.
        The same scores under the same name replace it, others stand beside it, and tables show the latest.

    Raises:
        UsageError: a name is unknown or taken, or the data set is not prepared or lacks such images.
        TrainingCollapsed: an output is not finite.
        BenchmarkError: the model fails, or returns something else than SR images.

    Warns:
        UserWarning: sample images have no contrast, exchanged red and blue or the like, as ``evaluate`` remarks.

    Examples:
        >>> from torch.nn.functional import interpolate
        >>> from benchmarks import benchmark
        >>> record = benchmark(lambda lr: interpolate(lr, scale_factor=4), "demo-photos", "rgb", name="nearest")
        >>> round(record.summary["rgb"]["psnr"].mean, 1)
        20.7
    """
    from benchmarks.catalog.composites import expanded
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.execution.workspace import Workspace

    own = _name(name, model)
    chosen = load_profile(profile, [changes] if isinstance(changes, str) else changes)
    protocols = chosen.protocols if protocol is None else tuple(_listed(protocol, "protocol"))
    chosen = replace(chosen, protocols=protocols, metrics=tuple(expanded(_listed(metrics, "metrics"))))
    cells = evaluation_cells(chosen, ["bicubic", *beside], dataset, split)
    workspace = Workspace(Path(output))
    workspace.check_writable()
    with workspace.locked():
        workspace.mark_stale()  # until a run has built the report again
        _score_beside([cell for cell in cells if cell.label in beside], workspace)
        return _score(model, own, seed, tile, cells[0], workspace)


def _listed(names: str | Sequence[str], what: str) -> list[str]:
    from benchmarks.public.scores import listed

    return listed(names, what)


def _name(name: str | None, model: object) -> str:
    """Name of the row. Raises UsageError if it is none, or that of a method in the catalog."""
    from benchmarks.catalog.methods import methods

    own: str = name or getattr(model, "__name__", None) or type(model).__name__
    if not callable(model):
        raise UsageError(f"model: {type(model).__name__} cannot be called: give a function or a torch.nn.Module")
    if not NAME.fullmatch(own):
        raise UsageError(f"name={own!a:.80}: give a name of letters, digits and . _ + -, 60 at most, such as name='mine'")
    if own in methods():
        raise UsageError(f"name='{own}': a method of the catalog has this name: give another")
    return own


def evaluation_cells(profile: Profile, methods: Sequence[str], dataset: str | Path, split: ScoredSplit) -> list[Cell]:
    """Evaluation cells of methods without training, each once. Raises UsageError for other methods, and if data are missing."""
    from benchmarks.catalog.methods import get_method
    from benchmarks.catalog.metrics import get_metric
    from benchmarks.catalog.protocols import PROTOCOLS
    from benchmarks.planning.plan import make_plan
    from benchmarks.public.images import checked_split, located, refuse_without_truth

    for protocol in profile.protocols:
        if protocol not in PROTOCOLS:
            raise unknown("protocol", protocol, PROTOCOLS)
    for metric in profile.metrics:
        get_metric(metric)
    if trained := [method for method in methods if get_method(method).stages]:
        command = f"python -m benchmarks.run --methods {' '.join(trained)}"
        raise UsageError(f"beside: {', '.join(trained)} must be trained: run {command}, and leave the name out here")
    checked_split(split)
    dataset, folder = located(dataset)
    cells = make_plan(profile, list(dict.fromkeys(methods)), [dataset], data_dir=folder, split=split)
    data = cells[0].data
    refuse_without_truth(data.card, dataset, split)
    data.verify((split,))
    return cells


def _score_beside(cells: Sequence[Cell], workspace: Workspace) -> None:
    """Score methods of the catalog, unless the folder has a result of the same images and protocols."""
    from benchmarks.execution.compute import run_cell
    from benchmarks.results.files import read_results
    from benchmarks.results.layout import result_files
    from benchmarks.results.record import COMPLETE, EvaluationResult, EvaluationSettings

    results = [result for _, result in read_results(result_files(workspace.root, "evaluate"), warnings.warn)]
    known = {
        (result.cell.label, result.profile, result.data.digest, tuple(sorted(result.settings.protocols)))
        for result in results
        if isinstance(result, EvaluationResult) and result.status == COMPLETE
    }
    for cell in cells:
        if isinstance(cell.settings, EvaluationSettings):
            key = (cell.label, cell.profile, cell.data_digest, tuple(sorted(cell.settings.protocols)))
            if key not in known:
                run_cell(cell, workspace)


def _score(
    model: Callable[[Tensor], Tensor], name: str, seed: int | None, tile: int, like: Cell, workspace: Workspace
) -> EvaluationResult:
    """Score a model on the images of another method's cell, and store the result."""
    from benchmarks.execution.compute import evaluation_result, store
    from benchmarks.results.files import to_json
    from benchmarks.results.record import OWN_CODE, EvaluationSettings

    if not isinstance(like.settings, EvaluationSettings):
        raise TypeError(f"{like} is no evaluation")
    if isinstance(tile, bool) or not isinstance(tile, int) or not 0 <= tile < 2**31:
        raise UsageError(f"tile={tile!a:.40}: give 0 or more LR pixels")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31):
        raise UsageError(f"seed={seed!a:.40}: give a whole number from 0 to {2**31 - 1}, or None")
    started = time.monotonic()
    settings = replace(like.settings, tile=tile, weights={}, sanity=())
    cell = replace(like, label=name, seed=seed, settings=settings, needs={}, sources={}, exploratory=EXPLORATORY)
    evaluation = _evaluated(model, cell, settings.protocols, tuple(settings.metrics))
    for remark in _remarks(evaluation, cell):
        warnings.warn(f"{name}: {remark}", stacklevel=3)
    digest = hashlib.sha256(to_json(evaluation.scored.scores).encode()).hexdigest()[:16]
    cls = model if hasattr(model, "__qualname__") else type(model)
    cell = replace(cell, code=f"{OWN_CODE}{cls.__module__}:{cls.__qualname__} scores {digest}")  # code of others has no digest
    result, files = evaluation_result(cell, evaluation, {})
    return store(cell, result, files, workspace, time.monotonic() - started)


def _evaluated(model: Callable[[Tensor], Tensor], cell: Cell, protocols: Mapping[str, int], metrics: Sequence[str]) -> Evaluation:
    """Scores and SR images of a model on the images of its cell."""
    from benchmarks.api.contract import named_errors
    from benchmarks.catalog.metrics import get_metric
    from benchmarks.catalog.protocols import get_protocol
    from benchmarks.core.progress.step_progress import StepProgress
    from benchmarks.results.record import EvaluationSettings
    from benchmarks.scoring.cell import evaluate_method

    settings = cell.settings
    if not isinstance(settings, EvaluationSettings):
        raise TypeError(f"{cell} is no evaluation")
    with _ready(model), named_errors(f"model '{cell.label}'"), StepProgress(f"score {cell.label}") as progress:
        return evaluate_method(
            _as_method(model, cell.label, cell.data.card.scale),
            {},
            cell.data.images,
            [get_protocol(name) for name in protocols],
            [get_metric(name) for name in metrics],
            {},
            split=settings.split,
            tile=settings.tile,
            threads=settings.threads,
            report=lambda done, total: progress.update(done, total, {}),
        )


def _remarks(evaluation: Evaluation, cell: Cell) -> list[str]:
    """Lines about sample images that make scores meaningless, as ``python -m benchmarks.evaluate`` prints them of files."""
    from benchmarks.data.file_pairs import FilePairs

    pairs = FilePairs({})
    for pair in cell.data.images.pairs(cell.splits[0], only=evaluation.images):
        pairs.inspect(pair.name, evaluation.images[pair.name], pair.hr)
    return pairs.lines({})


def _place(error: BaseException) -> str:
    """File and line of the model's own code, not of a library's, in which an error of a call of the model was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    libraries = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    own = [frame for frame in frames[1:] if not frame.filename.startswith((*libraries, "<frozen"))]
    last = (own or frames)[-1]
    return f"{last.filename}:{last.lineno}"


def _as_method(model: Callable[[Tensor], Tensor], name: str, method_scale: int) -> type[Method]:
    """A class of methods that call the model. Its errors have the model's name and the line of its code."""
    from benchmarks.api.method import Descriptor

    class OwnModel:
        descriptor = Descriptor(method_scale, receptive_field=None)

        def __call__(self, lr: Tensor) -> Tensor:
            import torch

            try:
                with torch.inference_mode():
                    return model(lr)
            except BaseException as error:
                ours = isinstance(error, BenchmarkError) or missing_prerequisite(error)
                if ours or not (isinstance(error, Exception) or is_foreign_exit(error)):
                    raise
                text = f"{type(error).__name__}: {error}".removesuffix(": ")
                raise BenchmarkError(f"model '{name}': {text} ({_place(error)})") from error

        @classmethod
        def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> OwnModel:
            return cls()

    return OwnModel


@contextmanager
def _ready(model: Any) -> Iterator[None]:
    """Inside the block a module is on the device and in evaluation mode.

    Afterwards each of its parts is in its former mode, and torch has the threads that it had before.
    """
    import torch

    from benchmarks.core.device import device

    threads = torch.get_num_threads()
    modes = {module: module.training for module in model.modules()} if isinstance(model, torch.nn.Module) else {}
    if isinstance(model, torch.nn.Module):
        model.to(device()).eval()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        for module, training in modes.items():
            module.training = training
