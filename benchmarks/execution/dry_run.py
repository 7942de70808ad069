"""``--dry-run``: the cells of a run, finished or to do, and the costs of those to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from benchmarks.catalog.profiles import Profile
from benchmarks.core.errors import one_line
from benchmarks.core.text import counted
from benchmarks.execution.outcome import say
from benchmarks.execution.simulation import Forecast, Times, forecast
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.planning.costs import Costs, estimated, measured
from benchmarks.planning.exchanged_names import lines_on_names
from benchmarks.planning.inputs import missing_archives
from benchmarks.planning.suitability import check_suitability
from benchmarks.planning.untrained import count_parameters
from benchmarks.results.record import Result, weights_digests

Form = Literal["text", "json", "markdown"]


def print_dry_run(
    cells: Sequence[Cell],
    workspace: Workspace,
    profile: Profile,
    *,
    force: bool,
    form: Form,
    max_parallel: int | None = None,
    step_times: Path | None = None,
    left_out: Sequence[str] = (),
    processes: Callable[[Cell], int] = lambda cell: 1,
) -> None:
    """Print one line per cell, sums, and simulated wall times; nothing is computed, and no result is written.

    Args:
        cells: of the run.
        workspace: results folder with the finished cells.
        profile: of the cells.
        force: count finished cells as to do.
        form: of the output; Markdown has the simulated wall times only.
        max_parallel: limit of cells at a time.
        step_times: file with measured times of steps, to replace the profile's estimates.
        left_out: sentences on methods that have no cells, because the data lack what they need.
        processes: number of processes that train a cell together.

    Raises:
        UsageError: ``step_times`` lacks a step of the cells, an image does not suit the settings, or nothing could be written.
        DamagedCell: a result or weights are corrupt.
    """
    workspace.check_place()
    costs = measured(cells, profile, step_times) if step_times else estimated(cells, profile)
    results = workspace.all_finished(cells, (), say, force=force)
    digests = weights_digests(results.values())
    waiting = [cell for cell in cells if cell.id not in results or _is_outdated(cell, results[cell.id], digests)]
    check_suitability(waiting, processes)
    for line in lines_on_names(waiting):
        print(one_line(line), file=sys.stderr)
    plan = forecast(waiting, costs, max_parallel)
    if form == "markdown":
        print("\n".join(_schedule_as_markdown(plan)))
        return
    parameters, to_do = count_parameters(cells), {cell.id for cell in waiting}
    rows = [_row(cell, profile, costs, cell.id not in to_do) | {"parameters": parameters.get(cell.id)} for cell in cells]
    seconds, megabytes = (sum(row[key] or 0 for row in rows if not row["cached"]) for key in ("seconds", "megabytes"))
    not_prepared = list(missing_archives(cells))
    if form == "json":
        elsewhere = {"trainings_elsewhere_hours": dict(_elsewhere(waiting, costs, profile))}
        sums = {"seconds": seconds, "megabytes": megabytes, **elsewhere, "not_prepared": not_prepared, "left_out": list(left_out)}
        print(json.dumps({"cells": rows, **sums, "schedule": _schedule_as_data(plan)}, indent=1))
        return
    print("\n".join([*(line.rstrip() for line in _cell_table(rows)), *left_out]))
    cost = f"about {_duration(seconds)} on {costs.worker}, {_size(megabytes)} in {workspace.root}"
    print(f"{counted(len(rows), 'cell')}, {len(waiting)} to do: {cost}")
    if waiting:
        print("\n".join(_schedule_as_text(plan)))
    for name, hours in _elsewhere(waiting, costs, profile):
        print(f"trainings alone on {name}: {_hours(3600 * hours)}")
    if not_prepared:
        names = " ".join(not_prepared)
        print(f"not prepared: {names}: run python -m benchmarks.prepare {names}; it changes the ids above, which are provisional")


def _elsewhere(waiting: Sequence[Cell], costs: Costs, profile: Profile) -> list[tuple[str, float]]:
    """Hours of the trainings on the profile's other machines, by name; none where there is nothing to train."""
    seconds = sum(costs.by_cell[cell.id].seconds or 0 for cell in waiting if cell.kind == "train")
    return [(name, factor * seconds / 3600) for name, factor in profile.other_machines.items() if seconds]


def _is_outdated(cell: Cell, result: Result, digests: Mapping[str, str]) -> bool:
    """True if an evaluation scored other weights than those that its trainings have now."""
    return cell.kind == "evaluate" and bool(result.replaced_weights(digests))


def _row(cell: Cell, profile: Profile, costs: Costs, cached: bool) -> dict[str, Any]:
    estimate = profile.estimate_for(cell.kind, cell.label)
    return {
        "id": cell.id,
        "needs": sorted({other.id for other in cell.needs.values()}),
        "steps": cell.steps,
        "cell": str(cell),
        "cached": cached,
        "seconds": costs.by_cell[cell.id].seconds,
        "megabytes": estimate.megabytes if estimate else None,
        "memory_gb": estimate.memory_gb if estimate else None,
    }


def _schedule_as_text(plan: Forecast) -> list[str]:
    """Lines with the critical path and the wall times."""
    path = ", ".join(f"{cell} ({_duration(plan.costs.by_cell[cell.id].wall)})" for cell in plan.path)
    numbers = ", ".join(str(simulation.workers) for simulation in plan.simulations)
    times = ", ".join(_duration(simulation.run.seconds) for simulation in plan.simulations)
    unit = plan.costs.unit
    hours = f"GPU time: {_duration(plan.gpu_seconds)}; " if unit == "GPU" else ""
    each = "" if unit == "GPU" else f", each {plan.costs.worker}"
    lines = [f"critical path: {_duration(plan.path_seconds)}: {path}", f"{hours}wall time on {numbers} {unit}s{each}: {times}"]
    if plan.unknown:
        lines.append(f"without an estimate, counted as 0 s: {counted(plan.unknown, 'cell')}")
    return lines


def _schedule_as_data(plan: Forecast) -> dict[str, Any]:
    return {
        "unit": plan.costs.unit,
        "worker": plan.costs.worker,
        "unknown_cells": plan.unknown,
        "hours": plan.seconds / 3600,
        "gpu_hours": plan.gpu_seconds / 3600,
        "critical_path": {"cells": [cell.id for cell in plan.path], "hours": plan.path_seconds / 3600},
        "simulations": [
            {
                "workers": simulation.workers,
                **_run_hours("", simulation.run),
                **_run_hours("queued_", simulation.queued),
                **_run_hours("longest_first_", simulation.longest_first),
                "bound_hours": simulation.bound / 3600,
                "busy": simulation.busy,
            }
            for simulation in plan.simulations
        ],
    }


def _run_hours(prefix: str, run: Times) -> dict[str, float]:
    return {f"{prefix}hours": run.seconds / 3600, f"{prefix}hours_to_scores": run.seconds_to_scores / 3600}


def _schedule_as_markdown(plan: Forecast) -> list[str]:
    """Lines with costs, critical path, and a table of wall times in hours."""
    path = ", ".join(f"{cell} ({_hours(plan.costs.by_cell[cell.id].wall)})" for cell in plan.path)
    gpu = f", {_hours(plan.gpu_seconds)} of it on GPUs" if plan.costs.unit == "GPU" else ""
    orders = [(f"{order}wall time", "mean time to scores") for order in ("", "all queued: ", "longest first: ")]
    header = [f"{plan.costs.unit}s", "lower bound", "busy", *chain.from_iterable(orders)]
    rows = [
        [
            *(str(simulation.workers), _hours(simulation.bound), f"{simulation.busy:.0%}"),
            *(
                _hours(seconds)
                for run in (simulation.run, simulation.queued, simulation.longest_first)
                for seconds in (run.seconds, run.seconds_to_scores)
            ),
        ]
        for simulation in plan.simulations
    ]
    return [
        f"{counted(plan.cells, 'cell')}, {_hours(plan.seconds)} on {plan.costs.worker}{gpu}.",
        f"Critical path: {_hours(plan.path_seconds)}: {path}.",
        "",
        *(f"| {' | '.join(row)} |" for row in (header, ["---:"] * len(header), *rows)),
    ]


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h"


def _cell_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A table of cells. Needed cells are named by the first digits of their ids, and stand above the cell."""
    lines = [["id", "cell", "needs", "steps", "parameters", ""]]
    for row in rows:
        counts = [f"{row[key]:,}" if row[key] is not None else "" for key in ("steps", "parameters")]
        cost = "for an unknown time" if row["seconds"] is None else f"about {_duration(row['seconds'])}"
        cost += f", {row['memory_gb']:.1f} GB of memory" if row["memory_gb"] else ""
        needs = " ".join(needed[:4] for needed in row["needs"])
        lines.append([row["id"], row["cell"], needs, *counts, "done" if row["cached"] else f"to do, {cost}"])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    numbers = (3, 4)
    return [
        "  ".join(
            text.rjust(width) if i in numbers else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def _size(megabytes: float) -> str:
    return f"{megabytes:.0f} MB" if megabytes < 10_000 else f"{megabytes / 1000:.0f} GB"
