"""The view of a run of several cells at a time: on screens of a known size, in a real terminal, and in a file."""

from __future__ import annotations

import io
import os
import pty
import re
import struct
import subprocess
import sys
from collections.abc import Sequence
from fcntl import ioctl
from termios import TIOCSWINSZ

import pyte
import pytest
from rich.console import Console

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import BenchmarkError
from benchmarks.execution.executors.executor import Ended
from benchmarks.execution.progress.matrix import Matrix
from benchmarks.planning.cells import Cell
from benchmarks.planning.plan import make_plan
from tests.conftest import ROOT
from tests.helpers.cell_results import cell_result, diverged_result
from tests.helpers.matrix_run import MESSAGES


def done(cell: Cell) -> Ended:
    return Ended(cell, cell_result(cell, seconds=3.25))


def screen(view: Matrix, console: Console) -> list[str]:
    console.print(view)
    return [line.rstrip() for line in console.export_text().splitlines()]


def console(width: int = 130, height: int = 40) -> Console:
    return Console(width=width, height=height, force_terminal=True, record=True, file=io.StringIO(), highlight=False)


def cells(seeds: int = 1) -> list[Cell]:
    return make_plan(load_profile("smoke"), seeds=range(seeds))


def line_of(lines: Sequence[str], cell: Cell) -> list[str]:
    """The columns of a cell's line."""
    (text,) = (line for line in lines if line.startswith(f"{cell} "))
    return re.split(r"\s{2,}", text)


def test_each_state_is_shown() -> None:
    plan, terminal = cells(), console()
    view = Matrix(plan, terminal)
    finished, running, again, lost, failed, unrun, diverged, queued = plan[:8]
    for cell in plan[:8]:
        view.started(cell)
    view.ended(done(finished))
    view.update(running, 10, 1000, {"l1": 0.5})
    view.update(running, 20, 1000, {"l1": 0.25, "cycle": 1234.5})
    view.lost(again, "killed")
    view.started(again)
    view.update(again, 5, 9, {})
    view.update(finished, 1, 2, {})  # late
    view.lost(lost, "pre-\nempted")
    view.ended(Ended(failed, error=BenchmarkError("no \x1b[2Jmemory")))
    view.ended(Ended(unrun, error=BenchmarkError("no memory"), failed_need=failed))
    view.ended(Ended(diverged, diverged_result(diverged)))
    lines = screen(view, terminal)
    assert line_of(lines, finished)[1:] == ["done", "in 3.2 s"]
    state, units, speed, left, losses = line_of(lines, running)[1:]
    assert (state, units, losses) == ("running", "20/1,000", "l1 0.25 cycle 1.23e+03")
    assert re.fullmatch(r"[0-9.]+/s", speed) and re.fullmatch(r"\d:\d\d:\d\d", left)
    assert line_of(lines, again)[1:] == ["running", "5/9", "lost once"]
    assert line_of(lines, lost)[1:] == ["lost", "pre- empted"]
    assert line_of(lines, failed)[1:] == ["failed", r"no \x1b[2Jmemory"]
    assert line_of(lines, unrun)[1] == "not run" and line_of(lines, unrun)[2].startswith(str(failed)[:20])
    assert line_of(lines, diverged)[1:] == ["failed", "diverged"]
    assert line_of(lines, queued)[1:] == ["queued"]
    assert line_of(lines, plan[8])[1:] == ["waiting"]
    counts = f"2 running, 2 failed, 1 lost, 1 queued, {len(plan) - 8} waiting, 1 done, 1 not run"
    assert re.fullmatch(rf"\[4/{len(plan)}\] 0:00:\d\d: {counts}", lines[-1]), lines[-1]


@pytest.mark.parametrize(("width", "height"), [(130, 40), (80, 24), (60, 10), (40, 4), (20, 1)])
def test_two_hundred_cells_fit_the_screen_and_what_matters_is_on_it(width: int, height: int) -> None:
    plan, terminal = cells(12), console(width, height)
    view = Matrix(plan, terminal)
    assert len(plan) > 190
    for cell in plan[:60]:
        view.started(cell)
        view.ended(done(cell))
    for cell in (*plan[100:103], plan[190]):
        view.started(cell)
        view.update(cell, 1, 2, {"loss": 1.0})
    view.started(plan[80])
    view.ended(Ended(plan[80], error=BenchmarkError("long " * 99)))
    lines = screen(view, terminal)
    assert len(lines) < max(height, 4)
    assert max(map(len, lines)) <= width
    if height >= 10:
        seen = [line for line in lines if "running" in line or "failed" in line][: -1 if width >= 60 else None]
        assert len(seen) == 5, lines
        hidden = sum(map(int, re.findall(r"\d+", lines[-1])))
        assert lines[-1].startswith("not shown: ") and hidden == len(plan) - (height - 4)


def test_where_there_is_no_room_the_failed_make_way_for_the_running() -> None:
    plan, terminal = cells(2), console(height=9)
    view = Matrix(plan, terminal)
    for cell in plan[:20]:
        view.started(cell)
        view.ended(Ended(cell, error=BenchmarkError("broken")))
    view.started(plan[30])
    view.update(plan[30], 1, 2, {})
    lines = screen(view, terminal)
    assert line_of(lines, plan[30])[1] == "running"
    assert sum("broken" in line for line in lines) == 4
    assert lines[-1] == f"not shown: 16 failed, {len(plan) - 21} waiting"


def in_terminal(columns: int, lines: int, seeds: int) -> tuple[list[str], pyte.Screen]:
    """All lines that ``tests.helpers.matrix_run`` leaves on a terminal, beginning with those that were scrolled out."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    line = [sys.executable, "-m", "tests.helpers.matrix_run", str(seeds)]
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    environment |= {"TERM": "xterm-256color"}
    process = subprocess.Popen(line, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    terminal = pyte.HistoryScreen(columns, lines, history=10_000, ratio=0.5)
    stream = pyte.ByteStream(terminal)
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # on Linux, when the other end is closed
            break
        if not piece:
            break
        stream.feed(piece)
    os.close(ours)
    assert process.wait(timeout=60) == 0
    scrolled = ["".join(row[column].data for column in range(columns)) for row in terminal.history.top]
    return [line.rstrip() for line in (*scrolled, *terminal.display)], terminal


@pytest.mark.parametrize(("columns", "lines", "seeds"), [(130, 30, 3), (100, 12, 12)])
def test_in_a_terminal_messages_do_not_tear_the_table(columns: int, lines: int, seeds: int) -> None:
    seen, terminal = in_terminal(columns, lines, seeds)
    text = "\n".join(seen)
    for message in MESSAGES[:3]:
        assert sum(line.endswith(message) for line in seen) == 1, text
    assert " ".join(text.split()).count(MESSAGES[3]) == 1, text
    assert sum(bool(re.match(r"cell +step +speed +left$", line)) for line in seen) == 1, text
    count = 1 + 4 * seeds
    assert sum(line.startswith("[") for line in seen) == 1 and f"[{count}/{count}] " in text, text
    table = seen[next(number for number, line in enumerate(seen) if line.startswith("cell ")) :]
    assert all(line.startswith(("cell ", "train ", "evaluate ", "[", "not shown", "the end")) for line in table if line), text
    assert table.index("the end") == len([line for line in table if line]) - 1, "later output is below the table"
    assert r"out of \x1b[2J memory" in text
    assert not terminal.cursor.hidden


def test_elsewhere_there_are_plain_lines() -> None:
    line = [sys.executable, "-m", "tests.helpers.matrix_run", "1"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    lines = done.stderr.splitlines()
    assert "\x1b" not in done.stderr and done.stdout == "the end\n"
    assert lines[0] == "[0/5] evaluate bicubic on demo-photos: started"
    assert [text for text in lines if text in MESSAGES] == [MESSAGES[0], *MESSAGES[2:]]

    def messages_of(cell: str) -> list[str]:
        return [re.sub(r"[0-9.]+/s", "N/s", text.partition(f"{cell}: ")[2]) for text in lines if f"] {cell}: " in text]

    lost = "its process was lost (killed): it goes on from its last checkpoint"
    steps = ["2/8 N/s l1 0.5", "4/8 N/s l1 0.25", "6/8 N/s l1 0.167", "8/8 N/s l1 0.125"]
    assert messages_of("train fsrcnn on demo-photos, seed 0") == [
        "started",
        *steps[:2],
        lost,
        "started",
        *steps[2:],
        "done in 0.1 s",
    ]
    assert messages_of("train edsr on demo-photos, seed 0") == ["started", *steps, "failed"]
    assert messages_of("evaluate edsr on demo-photos, seed 0") == ["not run"]
    assert messages_of("evaluate fsrcnn on demo-photos, seed 0") == ["started", "done in 0.1 s"]
    counts = [int(match[1]) for text in lines if (match := re.match(r"\[(\d)/5\] ", text))]
    assert counts == sorted(counts) and counts[-1] == 5
