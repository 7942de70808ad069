"""``run_cell``: compute one cell in a workspace. The one seam between what is computed and who computes it when."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.errors import TrainingCollapsed, UsageError
from benchmarks.files import write_atomically
from benchmarks.plan import Cell
from benchmarks.provenance import environment, git
from benchmarks.registry import get_method, get_stage, resolve
from benchmarks.results import COMPLETE, DIVERGED, SCHEMA, Result
from benchmarks.statistics import bootstrap_mean
from benchmarks.workspace import Workspace

SAMPLES = 6

Report = Callable[[int, int, dict[str, float]], None]


def run_cell(cell: Cell, workspace: Workspace, report: Report = lambda done, of, losses: None) -> Result:
    """Compute a cell and store its result.

    A training that comes to nothing, and whatever needs it, has a result too: its status is ``diverged``, and a diagnosis
    stands in place of numbers. Its last checkpoint, if it lived to write one, is kept.

    Args:
        cell: whose needs are finished in the workspace.
        workspace: where to read from and write to.
        report: called with units done, units in all and the latest losses.

    Returns:
        The result as stored.

    Raises:
        UsageError: a needed cell is not finished, or files are missing or corrupt.
    """
    import torch

    torch.set_num_threads(cell.settings["threads"])
    started = time.monotonic()
    try:
        _check_needs(cell, workspace)
        parts = (_train if cell.kind == "train" else _evaluate)(cell, workspace, report)
    except TrainingCollapsed as error:
        parts = _diverged(cell, error)
    result: Result = {
        "schema": SCHEMA,
        "status": COMPLETE,
        "cell": cell.describe(),
        "profile": cell.profile,
        "changes": list(cell.changes),
        "settings": cell.settings,
        "data": {
            "digest": cell.data_digest,
            "scale": cell.data.card.scale,
            **cell.data.describe(cell.splits),
            **_trained_on(cell),
        },
        "seconds": round(time.monotonic() - started, 3),
        "finished_at": datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        "environment": environment(),
        "git": git(),
        **parts,
    }
    workspace.write(cell, result)
    if result["status"] == COMPLETE:
        workspace.discard_checkpoint(cell)
    return result


def _check_needs(cell: Cell, workspace: Workspace) -> None:
    """Raise UsageError where a needed cell is not finished, TrainingCollapsed where it has diverged."""
    for needed in cell.needs.values():
        result = workspace.read(needed)
        if result is None:
            raise UsageError(f"{cell}: needs cell {needed.id} ({needed}), which is not complete: run it first")
        if result["status"] == DIVERGED:
            raise TrainingCollapsed(f"{needed} has diverged: {result['diagnosis']}")


def _diverged(cell: Cell, error: TrainingCollapsed) -> dict[str, Any]:
    """What a result says in place of numbers."""
    said = {"status": DIVERGED, "diagnosis": " ".join(str(error).split())}
    if cell.kind == "train":
        return {**said, "history": error.history}
    return {**said, "scores": {}, "shifts": {}, "summary": {}, "missing": {}}


def _trained_on(cell: Cell) -> dict[str, str]:
    """The data set that an evaluated method saw in training, where that is another than it is tested on."""
    names = {needed.dataset for needed in cell.needs.values()} - {cell.dataset} if cell.kind == "evaluate" else set()
    return {"trained_on": ", ".join(sorted(names))} if names else {}


def follow(cells: Sequence[Cell], workspace: Workspace) -> None:
    """In a process other than the first: take part in each training that it announces, and write nothing."""
    import torch

    from benchmarks.parallel import announced

    by_id = {cell.id: cell for cell in cells}
    while (cell_id := announced()) is not None:
        torch.set_num_threads(by_id[cell_id].settings["threads"])
        with suppress(TrainingCollapsed):  # the first says so
            _trained(by_id[cell_id], workspace, lambda done, of, losses: None)


def _train(cell: Cell, workspace: Workspace, report: Report) -> dict[str, Any]:
    from safetensors.torch import save

    from benchmarks.device import device
    from benchmarks.parallel import announce, leave, size
    from benchmarks.stored import stage_settings
    from benchmarks.training import effective_precision

    settings = stage_settings(cell.label, cell.settings, str(cell))
    announce(cell.id)
    try:
        weights, history, seconds = _trained(cell, workspace, report)
    except TrainingCollapsed:  # in all processes alike
        raise
    except BaseException:
        leave()
        raise
    flat = {f"{network}/{key}": tensor for network, tensors in weights.items() for key, tensor in tensors.items()}
    content = save(flat)
    write_atomically(workspace.folder(cell) / "weights.safetensors", lambda file: file.write(content))
    return {
        "weights_digest": hashlib.sha256(content).hexdigest(),
        "precision": effective_precision(settings.training),
        "device": device().type,
        "processes": size(),
        "training_seconds": round(seconds, 3),
        "history": history,
    }


def _trained(cell: Cell, workspace: Workspace, report: Report) -> tuple[dict[str, dict[str, Any]], list[dict[str, float]], float]:
    """Weights, history and seconds, as ``benchmarks.training.train`` returns them."""
    from benchmarks.data.weights import fetch, load_weight_card
    from benchmarks.stored import load_stage, stage_settings
    from benchmarks.training import make_stage, train

    settings = stage_settings(cell.label, cell.settings, str(cell))
    assert cell.seed is not None
    for name in cell.settings.get("weights", {}):
        fetch(load_weight_card(name))  # now, for a loss may want them only after days
    needs = {name: load_stage(workspace.folder(needed)) for name, needed in cell.needs.items()}
    stage, generator = make_stage(resolve(get_stage(cell.label).target), settings, cell.data, needs, cell.seed)
    steps = settings.training.steps
    return train(stage, generator, workspace.folder(cell) / "checkpoint.pt", lambda step, losses: report(step, steps, losses))


def _evaluate(cell: Cell, workspace: Workspace, report: Report) -> dict[str, Any]:
    from benchmarks.device import device
    from benchmarks.evaluation import evaluate
    from benchmarks.stored import load_stage

    stages = {name: load_stage(workspace.folder(needed)) for name, needed in cell.needs.items()}
    with device():  # where the networks are made
        method = resolve(get_method(cell.label).target).from_stages(stages, cell.data.card.scale)
    found = evaluate(method, cell.data, cell.settings, lambda done, of: report(done, of, {}), device())
    summary = {
        protocol: {metric: asdict(bootstrap_mean(list(values.values()))) for metric, values in metrics.items()}
        for protocol, metrics in found.scored.scores.items()
    }
    names = list(found.images)[:: max(1, len(found.images) // SAMPLES)][:SAMPLES]
    for name in names:
        _write_png(workspace.folder(cell) / "samples" / f"{name}.png", found.images[name])
    scored = found.scored
    return {
        "device": device().type,
        "scores": scored.scores,
        "shifts": scored.shifts,
        "summary": summary,
        "missing": scored.missing,
    }


def _write_png(path: Path, image: Any) -> None:
    from PIL import Image

    write_atomically(path, lambda file: Image.fromarray(image).save(file, format="PNG"))
