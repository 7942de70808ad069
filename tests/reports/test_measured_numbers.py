"""Numbers that pages state: generated from committed files, definitions, or measurements with a date and a command or a test.

README.md and docs/reproduction-notes.md have a narrower rule for scores, in ``test_reference_results.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.__main__ import COMMANDS
from benchmarks.core.blocks import END, begin
from benchmarks.run import main as run
from tests.conftest import ROOT
from tests.helpers.documents import DOCUMENTS
from tests.reports.test_reference_results import SCORE

GENERATED = re.compile(f"{begin('.*?')}.*?{END}", re.S)
WITH_UNIT = re.compile(r"(?<![\w.])\d[\d,]*\.\d+(?= (?:s|ms|h|MB|GB|times)\b)")
DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")
ORIGIN = re.compile(r"python -m (?P<module>(?:benchmarks|reports)\.\w+)|(?P<test>tests/[\w/]+\.py)|`pip install`")
# Sections whose numbers measure nothing, by page and heading.
DEFINITIONS = {
    ("CONTRIBUTING.md", "Add a method with training"): "a setting",
    ("CONTRIBUTING.md", "Add a degradation"): "a setting",
    ("CONTRIBUTING.md", "Add a paper"): "numbers of an example",
    ("README.md", "Quick start"): "a version of Python",
    ("containers.md", "Containers"): "a version of Python",
    ("data.md", "Data and weights"): "the size that the card states",
    ("intervals.md", "Intervals and verdicts"): "a significance level",
    ("intervals.md", "How often the intervals hold the truth"): "what is simulated",
    ("choices.md", "Budgets of the unpaired methods, on validation images"): "a rule that was set beforehand",
    ("choices.md", "The settings of lab: none was tried in it"): "settings",
    ("protocols.md", "Protocols"): "a definition",
    ("protocols.md", "`rgb`, version 1"): "a measurement of somebody else",
    ("protocols.md", "`ntire2018`, version 1"): "a share of an area",
    ("regression.md", "Exit codes"): "an example",
    ("regression.md", "Regressions"): "thresholds",
    ("reliability.md", "Trainings that collapse"): "thresholds",
    ("reliability.md", "Determinism"): "a number of regression.md",
    ("reproduction-notes.md", "Open points and the choice made"): "settings, and numbers of the paper",
    ("reproduction-notes.md", "Sanity checks and budgets"): "a threshold",
    ("reproduction-notes.md", "CycleSR, DSGAN and PDM-SR"): "settings",
    ("reproduction-notes.md", "ZSSR"): "a setting",
}


def sections(page: Path) -> Iterator[tuple[str, str]]:
    """Heading and text of the sections of a page, without the parts that commands write."""
    text = GENERATED.sub("", page.read_text(encoding="utf-8"))
    for part in re.split(r"(?m)^(?=#+ \S)", text):
        heading, _, body = part.partition("\n")
        yield heading.lstrip("# "), body


def measured(text: str) -> list[str]:
    """Numbers that look like scores, or like measured times and sizes."""
    return [*SCORE.findall(text), *WITH_UNIT.findall(text)]


def untraced() -> Iterator[tuple[str, str, list[str]]]:
    """Sections with numbers that have neither a date with a command or test, nor an entry above."""
    for page in (page for page in DOCUMENTS if page.name != "results.md"):  # all of which a command writes
        for heading, text in sections(page):
            numbers = measured(text)
            origins = list(ORIGIN.finditer(text))
            if numbers and not (DATE.search(text) and origins) and (page.name, heading) not in DEFINITIONS:
                yield page.name, heading, numbers


def test_every_measured_number_has_a_date_and_a_command() -> None:
    """To mend: have a command write the number, or say in its section when, and by which command or test, it was measured."""
    assert list(untraced()) == []


def test_commands_and_tests_that_numbers_are_from_exist() -> None:
    modules = {command.module for command in COMMANDS.values()}
    for page in DOCUMENTS:
        for found in ORIGIN.finditer(page.read_text(encoding="utf-8")):
            assert found["test"] is None or (ROOT / found["test"]).is_file(), found[0]
            assert (
                found["module"] is None
                or found["module"] in modules
                or (ROOT / f"{found['module'].replace('.', '/')}.py").is_file()
            )


def test_no_definition_is_out_of_date() -> None:
    known = {(page.name, heading) for page in DOCUMENTS for heading, text in sections(page) if measured(text)}
    assert set(DEFINITIONS) <= known, "a heading that has changed, or has no numbers any more"


@pytest.mark.parametrize("text", ["gained 4.0 dB", "22.85 / 0.65", "took 56.9 s", "1.5 times", "1,095.4 h"])
def test_measurements_are_recognised(text: str) -> None:
    assert measured(text)


def test_the_prose_on_calibration_is_what_its_printed_output_says() -> None:
    text = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    prose, output = text.split("```")[0], text.split("```")[-2]
    psnr = {
        (title, method): (float(value), float(ssim))
        for title, rows in re.findall(r"(?m)^(\w+ noise, shift 2), 25 images:\n((?:  .*\n?)+)", output)
        for method, value, ssim in re.findall(r"(\S+) +plain \S+ dB, scorer (\S+) dB / (\S+)", rows)
    }
    white = [psnr["white noise, shift 2", method] for method in ("bicubic", "edsr", "bm3d-edsr")]
    assert f"({white[1][0] - white[0][0]:+.2f} dB and a ratio\nof SSIM of {white[1][1] / white[0][1]:.2f}," in prose
    assert f"gains {white[2][0] - white[0][0]:.1f} dB" in prose
    residuals = dict(re.findall(r"(?m)^  (.*?: .*?) {2,}\S+ +(\S+) +\S+ +\S+$", output))
    assert f"comes near ({float(residuals['BM3D+EDSR less bicubic: PSNR']):+.2f})" in prose
    assert f"EDSR loses only {-float(residuals['EDSR less bicubic: PSNR']):.2f} dB" in prose
    assert f"({float(residuals['bicubic: scorer less plain PSNR']):.1f} dB at 16" in prose
    missed = output.split("not met together: ")[1].split("\n")[0].split("; ")
    assert f"misses {['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven'][len(missed)]} of seven figures" in prose
    assert len(residuals) == 7


@pytest.mark.long  # networks are built to count their parameters
def test_the_plan_of_the_papers_matrix_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    line = "--profile paper --all --ablation --seeds 0 1 2 --dry-run --markdown"
    assert f"python -m benchmarks.run {line}" in page
    assert run(line.split()) in (0, 2), "2: the data set is not prepared here"
    assert capsys.readouterr().out.strip() in page
