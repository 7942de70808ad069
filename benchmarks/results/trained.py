"""Weights of trained stages: written by a run, read back by methods and by ``from_run``."""

from __future__ import annotations

import hashlib
import shlex
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.api.method import TrainedStage
from benchmarks.catalog.methods import get_method, settings_class
from benchmarks.core.errors import UsageError
from benchmarks.core.strict import build
from benchmarks.results.files import read_result, read_results
from benchmarks.results.layout import CELLS, RESULT, WEIGHTS, result_files
from benchmarks.results.record import COMPLETE, EvaluationResult, TrainingResult

if TYPE_CHECKING:
    from torch import Tensor


def pack_weights(weights: Mapping[str, Mapping[str, Tensor]]) -> bytes:
    """Content of a safetensors file with weights by network and parameter."""
    from safetensors.torch import save

    return save({f"{network}/{key}": tensor for network, tensors in weights.items() for key, tensor in tensors.items()})


def unpack_weights(flat: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Weights by network and parameter, of tensors under ``network/parameter``."""
    weights: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        network, _, name = key.partition("/")
        weights.setdefault(network, {})[name] = tensor
    return weights


def are_whole(weights: Path) -> bool:
    """True if a safetensors file has the size that its header states; its content is not read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="np"):
            return True
    except (SafetensorError, OSError):
        return False


def load_stage(folder: Path) -> TrainedStage:
    """Load a trained stage from the folder of its cell.

    Args:
        folder: ``runs/cells/train-<stage>-…``, with ``result.json`` and ``weights.safetensors``.

    Raises:
        UsageError: the folder is not a finished training cell, or its files are corrupt.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = folder / WEIGHTS
    if not path.is_file():
        raise UsageError(f"{folder}: no {WEIGHTS} here: give the folder of a finished training cell, runs/cells/train-…")
    result = read_result(folder / RESULT)
    if not isinstance(result, TrainingResult):
        raise UsageError(f"{folder}: an evaluation: give the folder of a finished training cell, runs/cells/train-…")
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != result.weights_digest:
            raise UsageError(f"{path}: not the weights of {RESULT}: {_mend(result)}")
        flat = load(content)
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path}: corrupt weights ({error}): {_mend(result)}") from error
    settings = stage_settings(result.cell.label, result.settings.stage, str(folder / RESULT))
    return TrainedStage(settings, unpack_weights(flat), result.data.scale)


def _mend(result: TrainingResult) -> str:
    """How weights are made again; data of the run's own must be named beside it as the run named them."""
    words = ["python", "-m", "benchmarks.run", "--cell", result.cell.id, "--force", "--profile", result.profile or "demo"]
    words += ["--seeds", str(result.cell.seed)] if result.cell.seed else []
    for change in result.changes:
        words += ["--set", change]
    return f"recompute the cell with --force: {shlex.join(words)}, and the run's --output and data"


def stage_settings(stage: str, settings: Mapping[str, Any], where: str) -> Any:
    """Convert the settings of a stage to its dataclass. Raises UsageError for unknown keys and wrong types."""
    return build(settings_class(stage), settings, where)


def stages_of_run(output: Path, method: str, seed: int) -> dict[str, TrainedStage]:
    """The trained stages behind the latest finished evaluation of a method. Raises UsageError as ``latest_evaluation`` does."""
    return stages_behind(output, latest_evaluation(output, method, seed))


def latest_evaluation(
    output: Path, method: str, seed: int | None, leave_out: Callable[[str], None] = warnings.warn
) -> EvaluationResult:
    """The latest finished evaluation of a method in a results folder.

    Args:
        output: results folder.
        method: name of the method.
        seed: of its training; None for an untrained method.
        leave_out: called with a line for each corrupt result file.

    Raises:
        UsageError: the folder has no finished evaluation of the method with the seed; the error has the command that makes one.
    """
    results = [result for _, result in read_results(result_files(output), leave_out)]
    finished = [
        result
        for result in results
        if isinstance(result, EvaluationResult)
        and (result.cell.label, result.cell.seed, result.status) == (method, seed, COMPLETE)
    ]
    if not finished:
        raise UsageError(_not_evaluated(output, method, seed, results))
    return max(finished, key=lambda result: result.finished_at)


def _not_evaluated(output: Path, method: str, seed: int | None, results: Sequence[TrainingResult | EvaluationResult]) -> str:
    """Error line of a missing evaluation: whether its training is missing too, and the command that computes it."""
    stages = get_method(method).stages
    last = [
        result
        for result in results
        if stages and (result.cell.label, result.cell.seed, result.status) == (stages[-1], seed, COMPLETE)
    ]
    like = max(last or results, key=lambda result: result.finished_at, default=None)
    words = ["python", "-m", "benchmarks.run", "--methods", method, *(["--seeds", str(seed)] if seed else [])]
    words += ["--profile", like.profile] if like and like.profile not in (None, "demo") else []
    for change in like.changes if like and last else ():
        words += ["--set", change]
    words += [] if output == Path("runs") else ["--output", str(output)]
    seeded = "" if seed is None else f" with seed {seed}"
    problem = f"no finished {method}{seeded} here"
    if last and like:
        problem = f"{stages[-1]}{seeded} is trained (cell {like.cell.id}), but the evaluation of {method} is missing"
    return f"{output}: {problem}: run {shlex.join(words)}"


def stages_behind(output: Path, evaluation: EvaluationResult) -> dict[str, TrainedStage]:
    """The trained stages that an evaluation in a results folder needed. Raises UsageError as ``load_stage`` does."""
    return {stage: load_stage(training_folder(output / CELLS, cell)) for stage, cell in evaluation.cell.needs.items()}


def stages_from_files(paths: Sequence[Path], method: str, wanted: Sequence[str]) -> dict[str, TrainedStage]:
    """The trained stages of a method from weight files; stages that these started from are looked for beside them.

    Args:
        paths: files ``weights.safetensors`` of finished training cells, or the cells' folders.
        method: name of the method, for errors.
        wanted: names of the stages that the method is built from.

    Raises:
        UsageError: a file is missing, corrupt or of another method's stage, or a stage is not among the files.
    """
    folders: dict[str, Path] = {}
    for path in paths:
        folder = path if path.is_dir() else path.parent
        if not path.is_dir() and path.name != WEIGHTS:
            raise UsageError(
                f"--weights {path}: give {WEIGHTS} of a finished training cell, runs/cells/train-…, or the cell's folder"
            )
        if not (folder / RESULT).is_file():
            raise UsageError(f"--weights {path}: no {RESULT} beside it, which has the settings: give a finished training cell")
        cell = read_result(folder / RESULT).cell
        if cell.label not in wanted:
            raise UsageError(f"--weights {path}: weights of {cell.label}: method '{method}' is built from {', '.join(wanted)}")
        folders |= {stage: training_folder(folder.parent, other) for stage, other in cell.needs.items() if stage not in folders}
        folders[cell.label] = folder
    stages = {stage: load_stage(folders[stage]) for stage in wanted if stage in folders}
    if missing := [stage for stage in wanted if stage not in stages]:
        raise UsageError(f"method '{method}' needs weights of {', '.join(missing)} too: give --weights FILE for each")
    return stages


def training_folder(cells: Path, cell: str) -> Path:
    """Folder of a training cell by its id; a path that names the id if there is none."""
    return next(cells.glob(f"train-*-{cell}"), cells / cell)
