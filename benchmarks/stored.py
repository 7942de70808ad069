"""Trained stages as a run left them, loaded back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.errors import UsageError
from benchmarks.registry import get_stage, resolve
from benchmarks.results import COMPLETE, read_result
from benchmarks.strict import build

if TYPE_CHECKING:
    from torch import Tensor

    from benchmarks.training import TrainedStage


def load_stage(folder: Path) -> TrainedStage:
    """Load a trained stage from its cell's folder, as a run left it.

    Args:
        folder: ``runs/cells/train-<stage>-…``, with ``result.json`` and ``weights.safetensors``.

    Raises:
        UsageError: the folder is not a finished training cell, or its files are corrupt.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    from benchmarks.training import TrainedStage

    path = folder / "weights.safetensors"
    if not path.is_file():
        raise UsageError(
            f"{folder}: no weights.safetensors here: give the folder of a finished training cell, runs/cells/train-…"
        )
    result = read_result(folder / "result.json")
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != result.get("weights_digest"):
            raise UsageError(f"{path}: not the weights that result.json names: recompute the cell with --force")
        flat = load(content)
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path}: corrupt weights ({error}): recompute the cell with --force") from error
    weights: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        network, _, name = key.partition("/")
        weights.setdefault(network, {})[name] = tensor
    settings = stage_settings(result["cell"]["label"], result["settings"], str(folder / "result.json"))
    return TrainedStage(settings, weights, result["data"]["scale"])


def stage_settings(stage: str, settings: Mapping[str, Any], where: str) -> Any:
    """A training cell's settings as the stage's dataclass, without what the plan adds. Raises UsageError as ``build`` does."""
    own = {key: value for key, value in settings.items() if key not in ("threads", "weights")}
    return build(resolve(get_stage(stage).settings), own, where)


def stages_of_run(output: Path, method: str, seed: int) -> dict[str, TrainedStage]:
    """The trained stages behind the last finished evaluation of a method.

    Raises:
        UsageError: the folder holds no finished evaluation of that method and seed.
    """
    results = [read_result(path) for path in sorted(output.glob("cells/evaluate-*/result.json"))]
    found = [
        result
        for result in results
        if (result["cell"]["label"], result["cell"]["seed"], result["status"]) == (method, seed, COMPLETE)
    ]
    if not found:
        raise UsageError(f"{output}: no finished {method} with seed {seed} here: run python -m benchmarks.run --methods {method}")
    needs = max(found, key=lambda result: str(result["finished_at"]))["cell"]["needs"]
    return {stage: load_stage(next(output.glob(f"cells/train-*-{cell}"), output / cell)) for stage, cell in needs.items()}
