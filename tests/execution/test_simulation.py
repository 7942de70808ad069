"""Simulated plans: the clock against bounds that hold for every list schedule, and the output of ``--dry-run``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.catalog.profiles import Profile, load_profile
from benchmarks.core.errors import UsageError
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.degradations.bicubic import Bicubic
from benchmarks.execution.simulation import Simulated, critical_path, forecast, longest_first, simulate
from benchmarks.planning.cells import Cell, StageSettings
from benchmarks.planning.costs import Cost, estimated, measured
from benchmarks.planning.plan import make_plan
from benchmarks.run import main
from tests.conftest import ROOT

DATA = Dataset(load_dataset_card("demo-photos"), Bicubic())


def cell(number: int, needs: Sequence[Cell]) -> Cell:
    by_stage = {needed.label: needed for needed in needs}
    settings = StageSettings(load_profile("smoke").stage("fsrcnn"), 1, {})
    return Cell("train", f"c{number}", "demo-photos", 0, DATA, settings, "", "", by_stage, ("x",))


@st.composite
def plans(draw: st.DrawFn, most: int = 1) -> tuple[list[Cell], dict[str, Cost]]:
    """Any graph of cells, with costs in whole seconds, so that sums are exact."""
    cells: list[Cell] = []
    for number in range(draw(st.integers(1, 12))):
        needs = draw(st.lists(st.sampled_from(cells), max_size=3, unique_by=id)) if cells else []
        cells.append(cell(number, needs))
    return cells, {node.id: Cost(draw(st.integers(0, 20)), draw(st.integers(0, most))) for node in cells}


def wall(cells: Sequence[Cell], costs: Mapping[str, Cost], workers: int, capacity: int | None = None) -> float:
    return simulate(cells, Simulated(workers, costs, capacity)).seconds


def length(cells: Sequence[Cell], costs: Mapping[str, Cost]) -> float:
    return sum(costs[node.id].wall for node in critical_path(cells, costs))


def longest_chain(cells: Sequence[Cell], costs: Mapping[str, Cost]) -> float:
    """By walking all chains."""

    def until(node: Cell) -> float:
        return costs[node.id].wall + max(map(until, node.needs.values()), default=0)

    return max(map(until, cells))


@settings(deadline=None)
@given(plans(), st.integers(1, 9), st.booleans(), st.booleans())
def test_the_clock_is_within_the_bounds_of_list_scheduling(
    plan: tuple[list[Cell], dict[str, Cost]], workers: int, queued: bool, sort: bool
) -> None:
    cells, costs = plan
    order = longest_first(cells, costs) if sort else cells
    work, chain = sum(cost.wall for cost in costs.values()), longest_chain(cells, costs)
    seconds = wall(order, costs, workers, None if queued else workers)
    assert max(chain, work / workers) <= seconds + 1e-9
    assert seconds <= work / workers + (1 - 1 / workers) * chain + 1e-9, "Graham's bound"
    assert wall(order, costs, 1, None if queued else 1) == work
    assert wall(order, costs, len(cells)) == chain


@settings(deadline=None)
@given(plans(4), st.integers(4, 9))
def test_cells_on_several_gpus_hold_them_all(plan: tuple[list[Cell], dict[str, Cost]], workers: int) -> None:
    cells, costs = plan
    work = sum(cost.wall * cost.workers for cost in costs.values())
    seconds = wall(cells, costs, workers)
    assert max(length(cells, costs), work / workers) <= seconds + 1e-9
    assert seconds <= sum(cost.wall for cost in costs.values()) + 1e-9
    assert simulate(cells, Simulated(workers, costs), max_parallel=1).seconds == pytest.approx(
        sum(cost.wall for cost in costs.values())
    )


@settings(deadline=None)
@given(plans(3))
def test_the_critical_path_is_a_chain_and_the_longest(plan: tuple[list[Cell], dict[str, Cost]]) -> None:
    cells, costs = plan
    path = critical_path(cells, costs)
    assert not path[0].needs or all(costs[node.id].wall == 0 for node in path[0].needs.values())
    for before, after in pairwise(path):
        assert before in after.needs.values()
    assert length(cells, costs) == pytest.approx(longest_chain(cells, costs))


@settings(deadline=None)
@given(plans(), st.data())
def test_finished_cells_cost_nothing(plan: tuple[list[Cell], dict[str, Cost]], data: st.DataObject) -> None:
    cells, costs = plan
    count = data.draw(st.integers(0, len(cells)))
    left = cells[count:]  # in the plan's order: finished cells need finished cells only
    free = {node.id: Cost(0 if node in cells[:count] else costs[node.id].seconds, 1) for node in cells}
    assert wall(left, costs, 1) == sum(costs[node.id].wall for node in left)
    assert wall(left, costs, len(cells)) == wall(cells, free, len(cells))


def test_more_workers_can_be_slower_and_the_clock_shows_it() -> None:
    """Graham's example: with four workers in place of three, the last and longest cell starts later."""
    first = [cell(number, []) for number in range(4)]
    cells = [*first, *(cell(number, [first[3]]) for number in range(4, 8)), cell(8, [first[0]])]
    costs = {node.id: Cost(seconds, 1) for node, seconds in zip(cells, (3, 2, 2, 2, 4, 4, 4, 4, 9), strict=True)}
    assert wall(cells, costs, 3, 3) == 12 and wall(cells, costs, 4, 4) == 15


def test_an_estimate_is_for_the_steps_in_the_profiles_file() -> None:
    whole, tenth = load_profile("smoke"), load_profile("smoke", ["stages.edsr.training.steps=1"])
    seconds = [
        estimated(cells, profile).by_cell[cells[0].id].seconds or 0 for profile in (whole, tenth) for cells in [edsr(profile)]
    ]
    assert seconds[1] == pytest.approx(seconds[0] / whole.stages["edsr"].training.steps)
    without = make_plan(load_profile("paper"), ["cincgan/no-sr-pretraining"])
    assert estimated(without, load_profile("paper")).by_cell[without[0].id] == Cost(0, 1), "no steps, no time"


def edsr(profile: Profile) -> list[Cell]:
    return make_plan(profile, ["edsr"])


def figures(path: Path, **changes: object) -> Path:
    found = json.loads((ROOT / "docs" / "performance" / "paper-steps.json").read_text(encoding="utf-8"))
    path.write_text(json.dumps([{**figure, **changes} for figure in found]), encoding="utf-8")
    return path


def test_measured_steps_are_scaled_to_the_batch(tmp_path: Path) -> None:
    profile = load_profile("paper", ["stages.edsr.training.steps=1000", "stages.edsr.training.batch_size=4"])
    cells = edsr(profile)
    found = measured(cells, profile, figures(tmp_path / "f.json", seconds=2.0, batch_size=1, patch_size=24))
    assert found.by_cell[cells[0].id].seconds == 1000 * 2 * 4 * (48 / 24) ** 2
    assert found.by_cell[cells[1].id].seconds == profile.estimates["evaluate"].seconds
    assert (found.worker, found.unit) == ("AMD EPYC (2 threads)", "worker")


@pytest.mark.parametrize(
    "changes", [{"seconds": "2"}, {"seconds": 1e300}, {"batch_size": 0}, {"colour": "red"}, {"threads": None}]
)
def test_malformed_figures_are_refused_in_one_line(tmp_path: Path, changes: dict[str, object]) -> None:
    profile = load_profile("paper")
    with pytest.raises(UsageError, match=r"f.json: no figures of python -m benchmarks.speed training --json \(figure 1"):
        measured(edsr(profile), profile, figures(tmp_path / "f.json", **changes))


def test_steps_of_another_profile_or_of_two_devices_are_refused_in_one_line(tmp_path: Path) -> None:
    profile = load_profile("paper")
    with pytest.raises(UsageError, match=r"no step of edsr in profile paper: measure it with python -m benchmarks.speed"):
        measured(edsr(profile), profile, figures(tmp_path / "f.json", profile="demo"))
    found = json.loads(figures(tmp_path / "f.json").read_text(encoding="utf-8"))
    found[0]["device"] = "other"
    (tmp_path / "f.json").write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(UsageError, match="of several devices"):
        measured(edsr(profile), profile, tmp_path / "f.json")


PAPER = ("--profile", "paper", "--all", "--ablation", "--seeds", "0", "1", "2", "--dry-run", "--markdown")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_the_scaling_page_shows_what_is_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert f"python -m benchmarks.run {' '.join(PAPER)}" in page
    assert run(capsys, *PAPER, "--output", "/nowhere") in page


@pytest.mark.parametrize("executor", ["serial", "ray"])
def test_dry_run_says_the_critical_path_and_wall_times(capsys: pytest.CaptureFixture[str], executor: str, tmp_path: Path) -> None:
    some = (
        "--profile",
        "smoke",
        "--methods",
        "bicubic",
        "cincgan",
        "--dry-run",
        "--executor",
        executor,
        "--output",
        str(tmp_path),
    )
    plan = json.loads(run(capsys, *some, "--json"))
    found = plan["schedule"]
    assert [wall["workers"] for wall in found["simulations"]] == [1, 4, 16, 64] and found["unit"] == "worker"
    assert found["simulations"][0]["hours"] == pytest.approx(found["hours"]) == plan["seconds"] / 3600
    assert found["simulations"][-1]["hours"] == pytest.approx(found["critical_path"]["hours"])
    rows = {row["id"]: row for row in plan["cells"]}
    path = [rows[cell] for cell in found["critical_path"]["cells"]]
    assert [row["cell"].split(" on ")[0] for row in path] == ["train cincgan-inner", "train cincgan-joint", "evaluate cincgan"]
    text = run(capsys, *some, "--max-parallel", "2")
    assert "critical path: 14 s: train cincgan-inner on demo-photos, seed 0 (4 s), train cincgan-joint" in text
    assert re.search(r"^wall time on 1, 2 workers, each two CPU cores: 23 s, \d+ s$", text, re.MULTILINE), text


def test_gpus_of_a_cell_are_counted_and_shared(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    some = ("--profile", "paper", "--methods", "edsr", "--dry-run", "--output", str(tmp_path), "--set", "resources.train.gpus=3")
    found = json.loads(run(capsys, *some, "--json"))["schedule"]
    assert (found["unit"], [wall["workers"] for wall in found["simulations"]]) == ("GPU", [4, 16, 64])
    assert found["gpu_hours"] == pytest.approx((20100 + 900) / 3600)
    assert found["simulations"][0]["hours"] == pytest.approx((20100 / 3 + 900) / 3600)
    assert "GPU time: 6 h; wall time on 3 GPUs: 2 h\n" in run(capsys, *some, "--max-parallel", "1")


def test_a_plan_without_cells() -> None:
    profile = load_profile("smoke")
    found = forecast([], estimated([], profile))
    assert (found.seconds, found.path, found.simulations[0].run.seconds) == (0, [], 0)
