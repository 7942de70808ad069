"""The view of a run of one cell at a time: speed of the last seconds, and a word on a machine that is slower than estimated."""

from __future__ import annotations

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.progress.step_progress import Speed
from benchmarks.execution.progress.one_by_one import OneByOne
from benchmarks.planning.cells import Cell
from benchmarks.planning.costs import Cost, Costs
from benchmarks.planning.plan import make_plan


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("benchmarks.core.progress.step_progress.time.monotonic", clock)
    return clock


def test_the_speed_is_that_of_the_last_seconds(clock: Clock) -> None:
    speed, done = Speed(), 0
    assert speed.report(done) == 0
    for _ in range(30):
        clock.now, done = clock.now + 1, done + 10
        speed.report(done)
    assert speed.value == pytest.approx(10)
    for _ in range(10):
        clock.now, done = clock.now + 1, done + 2
        speed.report(done)
    assert speed.value == pytest.approx(2)
    clock.now += 60
    assert speed.report(done + 6) == pytest.approx(0.1)
    assert speed.seconds == pytest.approx(100)


def printed(clock: Clock, capsys: pytest.CaptureFixture[str], seconds_a_step: float, of: int = 100) -> list[str]:
    """Lines about speed of two trainings of ``of`` steps, whose estimates are 10 s each."""
    trainings: list[Cell] = [cell for cell in make_plan(load_profile("smoke"), ["fsrcnn", "edsr"]) if cell.kind == "train"]
    costs = Costs("two quick cores", "worker", {cell.id: Cost(10.0, 0) for cell in trainings})
    with OneByOne(trainings, costs) as view:
        for cell in trainings:
            view.started(cell)
            for done in range(1, of + 1):
                view.update(cell, done, of, {})
                clock.now += seconds_a_step
    return [line for line in capsys.readouterr().err.splitlines() if "estimate" in line]


def test_a_slow_machine_is_told_once_with_the_time_that_is_left(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = printed(clock, capsys, 0.5)
    assert line == (
        "a step of fsrcnn takes 0.5 s, 5.0 times its estimate (two quick cores): the rest may take 0:01:30"
    )  # after 21 of 100 steps: 79 steps of this training and all of the next, 0.5 s each


@pytest.mark.parametrize(("seconds", "steps"), [(0.1, 100), (0.14, 100), (0.01, 100), (4.0, 2)])
def test_others_hear_nothing(clock: Clock, capsys: pytest.CaptureFixture[str], seconds: float, steps: int) -> None:
    """A machine as fast as estimated or faster, and a training that ends before a speed is known."""
    assert printed(clock, capsys, seconds, steps) == []


def test_without_a_terminal_a_long_evaluation_is_not_silent(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    (evaluation,) = make_plan(load_profile("smoke"), ["bicubic"])
    with OneByOne([evaluation], Costs("two cores", "worker", {evaluation.id: Cost(10.0, 0)})) as view:
        view.started(evaluation)
        for second in range(200):
            clock.now += 1
            view.update(evaluation, 0, 3, {"step": 10 * second})
    lines = [line.partition("on demo-photos: ")[2] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["0/3 step 290", "0/3 step 890"], "after 30 s, then after 60 s more; the next would come after 120 s"
