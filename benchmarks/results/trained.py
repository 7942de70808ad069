"""Weights of trained stages: written by a run, read back by methods and by ``from_run``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.api.method import TrainedStage
from benchmarks.catalog.methods import settings_class
from benchmarks.core.errors import UsageError
from benchmarks.core.strict import build
from benchmarks.results.files import read_result
from benchmarks.results.layout import CELLS, RESULT, WEIGHTS, result_files
from benchmarks.results.record import COMPLETE, TrainingResult

if TYPE_CHECKING:
    from torch import Tensor


def pack_weights(weights: Mapping[str, Mapping[str, Tensor]]) -> bytes:
    """Content of a safetensors file with weights by network and parameter."""
    from safetensors.torch import save

    return save({f"{network}/{key}": tensor for network, tensors in weights.items() for key, tensor in tensors.items()})


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
            raise UsageError(f"{path}: not the weights of {RESULT}: recompute the cell with --force")
        flat = load(content)
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path}: corrupt weights ({error}): recompute the cell with --force") from error
    weights: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        network, _, name = key.partition("/")
        weights.setdefault(network, {})[name] = tensor
    settings = stage_settings(result.cell.label, result.settings.stage, str(folder / RESULT))
    return TrainedStage(settings, weights, result.data.scale)


def stage_settings(stage: str, settings: Mapping[str, Any], where: str) -> Any:
    """Convert the settings of a stage to its dataclass. Raises UsageError for unknown keys and wrong types."""
    return build(settings_class(stage), settings, where)


def stages_of_run(output: Path, method: str, seed: int) -> dict[str, TrainedStage]:
    """The trained stages behind the latest finished evaluation of a method.

    Raises:
        UsageError: the folder has no finished evaluation of the method with the seed.
    """
    results = [read_result(path) for path in result_files(output, "evaluate")]
    finished = [result for result in results if (result.cell.label, result.cell.seed, result.status) == (method, seed, COMPLETE)]
    if not finished:
        raise UsageError(f"{output}: no finished {method} with seed {seed} here: run python -m benchmarks.run --methods {method}")
    needs = max(finished, key=lambda result: result.finished_at).cell.needs
    return {stage: load_stage(next(output.glob(f"{CELLS}/train-*-{cell}"), output / cell)) for stage, cell in needs.items()}
