"""``speed all``, ``speed history`` and ``speed page``: records of all parts, figures over commits, tables of the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.measuring import everything
from benchmarks.measuring.figures import Figure
from benchmarks.measuring.history import to_html
from benchmarks.measuring.performance_page import with_tables
from benchmarks.measuring.record import Machine, SpeedRecord, read_record, to_markdown, to_text
from benchmarks.measuring.startup import RUN_ONE_STEP, UNTIL_FIRST_STEP, _processor_seconds
from benchmarks.planning.step_times import StepFigure, read_figures
from benchmarks.results.record import Environment, Git
from benchmarks.speed import main

START = Figure("run --list", "", 0.4, unit="s")
SCORES = Figure("SSIM, ntire2018", "1,681 windows at once", 0.02, 0.1, 7.0)
STEP = StepFigure("edsr", "demo", "float32", 16, 24, "a processor", 2, seconds=0.2, reference_seconds=0.3)


def record(commit: str, day: int, name: str = "a processor", factor: float = 1.0) -> SpeedRecord:
    """A made-up record, whose times are multiplied by a factor."""
    known = Environment("3.11.7", "Linux", "x86_64 avx2", "", {"torch": "2.14.1"})
    return SpeedRecord(
        Machine(name, 2, 0.1, known),
        Git(commit * 40, False),
        f"2026-03-{day:02d}T04:00:00+00:00",
        3,
        startup=(replace(START, seconds=START.seconds * factor),),
        evaluation=(replace(SCORES, seconds=SCORES.seconds * factor),),
        training=(replace(STEP, seconds=0.2 * factor),),
    )


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements that take no time, of which one lacks a prerequisite."""

    def missing() -> Iterator[Figure]:
        raise UsageError("BasicSR is not installed: pip install basicsr")
        yield

    measures = (("startup", lambda: [START]), ("loading", missing), ("training", lambda: [STEP]))
    monkeypatch.setattr(everything, "_parts", lambda photographs, repeat: measures)


@pytest.mark.usefixtures("parts")
def test_all_parts_are_one_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "speed.json"
    assert main(["all", "--output", str(file)]) == 0
    out, err = capsys.readouterr()
    written = read_record(file)
    assert (written.startup, written.training, written.repeat) == ((START,), (STEP,), 3)
    assert written.left_out == ("loading: BasicSR is not installed: pip install basicsr",)
    assert written.machine.environment.host == "" and written.machine.environment.processor and written.machine.cores >= 1
    assert "torch" in written.machine.environment.versions and written.git.commit
    assert "run --list" in out and "edsr" in out and "left out: loading: BasicSR is not installed" in out
    assert "training: edsr, float32: 0.200 s a step, 1.50 times faster than the reference step" in err
    assert read_figures(file) == [STEP], "a dry run takes its steps"


@pytest.mark.usefixtures("parts")
def test_all_parts_are_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["startup"][0]["what"] == "run --list"


def test_an_interrupted_measurement_keeps_the_finished_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop() -> Iterator[Figure]:
        raise KeyboardInterrupt

    measures = (("startup", lambda: [START]), ("loading", stop))
    monkeypatch.setattr(everything, "_parts", lambda photographs, repeat: measures)
    file = tmp_path / "speed.json"
    assert main(["all", "--output", str(file)]) == 130
    assert read_record(file).startup == (START,)
    assert f"interrupted: figures of finished parts are in {file}" in capsys.readouterr().err


def test_a_record_of_a_busy_machine_says_so() -> None:
    calm = record("a", 1)
    busy = replace(calm, machine=replace(calm.machine, load=4.2))
    assert "Other programs ran" not in to_markdown(calm)
    assert "Other programs ran (load 4.2): only processor time counts, ratios vary from run to run." in to_markdown(busy)


def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, other, old = tmp_path / "good.json", tmp_path / "other.json", tmp_path / "old.json"
    good.write_text(to_text(record("a", 1)))
    other.write_text("[]")
    old.write_text(to_text(record("a", 1)).replace('"repeat"', '"repeats"'))
    page = str(tmp_path / "page.html")
    for arguments, message in (
        (("all", "--repeat", "0"), "--repeat 0: give 1 or more"),
        (("all", "--output", str(tmp_path)), "not a file in a folder that exists"),
        (("all", "--output", str(tmp_path / "none" / "speed.json")), "not a file in a folder that exists"),
        (("history", str(good)), "the following arguments are required: --output"),
        (("history", str(tmp_path / "none.json"), "--output", page), "none.json: cannot be read (No such file or directory)"),
        (("history", str(good), str(other), "--output", page), "other.json: no record of version 1: give a file that"),
        (("history", str(old), "--output", page), "old.json: unknown key 'repeats': did you mean 'repeat'"),
    ):
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert message in err
    assert not Path(page).exists()


def test_the_history_of_three_records_is_a_page(tmp_path: Path) -> None:
    files = []
    for commit, day, factor in (("c", 16, 0.5), ("a", 2, 1.0), ("b", 9, 2.0)):  # in no order
        files.append(tmp_path / f"{commit}.json")
        files[-1].write_text(to_text(record(commit, day, factor=factor)))
    assert main(["history", *map(str, files), "--output", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr><td>(.*?)</td>(.*?)</tr>", page)
    assert [name for name, _ in rows] == [
        "run --list",
        "SSIM, ntire2018 (against 1,681 windows at once)",
        "edsr, demo, float32",
    ]
    for (_, row), latest, heights in zip(
        rows, ("0.2", "0.01", "0.1"), ("0.4, 0.8, 0.2", "5, 2.5, 10", "1.5, 0.75, 3"), strict=True
    ):
        assert f'<td class="number">{latest}</td>' in row and '<td class="number">25%</td>' in row
        assert f': {heights}"' in row, "ratios where there is another implementation, else seconds, the oldest first"
        (line,) = re.findall(r'<polyline points="([^"]+)"', row)
        across = [float(point.partition(",")[0]) for point in line.split()]
        assert across == sorted(across) and len(across) == 3
        assert row.count("<circle") == 3 and "<title>aaaaaaaaaaaa, 2026-03-02" in row
    assert "<script" not in page and "http" not in page


def test_times_of_two_machines_are_not_compared() -> None:
    page = to_html([record("a", 2), record("b", 9, name="<another>"), record("c", 16)])
    assert "<another>" not in page and page.count("</span> &lt;another&gt; (x86_64 avx2), 2 cores") == 1
    row = page[page.index("run --list") :].partition("</tr>")[0]
    assert [line.count(" ") + 1 for line in re.findall(r'<polyline points="([^"]+)"', row)] == [2, 1]
    assert '<td class="number">100%</td>' in row, "of the first record, whose machine is that of the last"


def test_records_without_figures_make_no_page() -> None:
    with pytest.raises(UsageError, match="no figures: measure"):
        to_html([replace(record("a", 1), startup=(), evaluation=(), training=())])


def test_the_performance_page_shows_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["page", "--check"]) == 0
    assert capsys.readouterr().out == "up to date\n"


def test_tables_of_the_page_are_those_of_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "before\n<!-- written by python -m benchmarks.speed page from a.json -->\n\nold\n\n"
        "<!-- end of what it has written -->\nafter\n"
    )
    with pytest.raises(UsageError, match=r"names a\.json, which .* lacks"):
        with_tables(text, tmp_path)
    (tmp_path / "a.json").write_text(to_text(record("a", 1)))
    page = with_tables(text, tmp_path)
    assert page.startswith("before\n<!--") and page.endswith("-->\nafter\n") and "old" not in page
    for part in (
        "| run --list | 0.400 |",
        "| SSIM, ntire2018 | 20.0 |",
        "| edsr | demo, 16 x 24 | float32 | 0.200 |",
        "aaaaaaaaaaaa",
    ):
        assert part in page
    assert with_tables(page, tmp_path) == page
    (tmp_path / "b.json").write_text("[]")
    with pytest.raises(UsageError, match=r"b\.json: performance\.md does not show it"):
        with_tables(page, tmp_path)
    with pytest.raises(UsageError, match="no table: run this in a checkout"):
        with_tables("", tmp_path)


def test_a_stale_page_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.measuring import performance_page

    stale = tmp_path / "performance.md"
    stale.write_text(performance_page.PAGE.read_text(encoding="utf-8").replace("| cincgan-inner |", "| cincgan-outer |", 1))
    monkeypatch.setattr(performance_page, "PAGE", stale)
    assert main(["page", "--check"]) == 1
    assert "its tables are not those of its figures: run python -m benchmarks.speed page" in capsys.readouterr().err
    assert main(["page"]) == 0 and main(["page", "--check"]) == 0


@pytest.mark.train
def test_the_first_training_step_begins_within_seconds(tmp_path: Path) -> None:
    """Processor time, which other programs hardly change; 3 s of it here, most of them imports of torch."""
    assert _processor_seconds(RUN_ONE_STEP, UNTIL_FIRST_STEP, str(tmp_path)) < 8
