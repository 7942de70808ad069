"""The page of a designed study: what it says with all results, with some, and with none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports import reference_results
from reports.designed.page import load_contrasts, page
from reports.reference_results import main
from tests.helpers.study_results import DESIGN, study_results, write_study


def text_of(folder: Path) -> str:
    return page("cincgan", DESIGN, load_contrasts(DESIGN, folder), "python -m reports.reference_results")


def row(text: str, name: str) -> list[str]:
    """Entries of the first row of a name."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} "))
    return [entry.strip() for entry in line.strip("|").split("|")]


def test_what_is_told_has_a_number_and_other_differences_have_their_interval_alone(tmp_path: Path) -> None:
    results = study_results({"cincgan/steps-360": -0.3}, left_out=["cincgan/raw-d2"], diverged=[("cincgan/hr-sums", 101)])
    text = text_of(write_study(tmp_path, results))
    assert "20 configurations are tried" in text
    assert "(20 validation photographs; 19 of 20 configurations scored, 66 comparisons corrected together; no result of a" in text
    told, untold = row(text, "cincgan/steps-360"), row(text, "cincgan/rate-1e-4")
    assert (
        told[1] == "360" and told[3].startswith("-0.") and told[-1].startswith("worse: PSNR under ntire2018; worse: PSNR under")
    )
    assert untold[1] == "90" and untold[3].startswith("(") and untold[-1] == "no"
    assert row(text, "cincgan/raw-d2 (not scored)")[1:] == ["–"] * 5
    assert "| cincgan/hr-sums (seed 101 diverged) " in text
    assert row(text, "bicubic")[1].startswith("2") and "](joint-stage/demo-photos-validation.svg)" in text


def test_changed_settings_are_named(tmp_path: Path) -> None:
    results = [replace(result, changes=("threads=1",)) for result in study_results({}, left_out=DESIGN.tried[2:], seeds=[100])]
    assert "changed by `--set threads=1`;" in text_of(write_study(tmp_path, results))


def test_without_results_the_page_has_the_question_and_says_that_nothing_is_told(tmp_path: Path) -> None:
    text = text_of(tmp_path / "none")
    assert DESIGN.question in text and "No result files are committed: nothing can be told." in text
    assert "![" not in text


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the repository, without reference results but a study's."""
    monkeypatch.setattr(reference_results, "STUDIES", tmp_path / "studies")
    monkeypatch.setattr(reference_results, "STUDY_PAGES", tmp_path / "docs")
    monkeypatch.setattr("reports.findings.chapters_by_set", lambda folder: {})
    monkeypatch.setattr("reports.findings.results_page", lambda sets: "results")
    monkeypatch.setattr(reference_results, "PAGE", tmp_path / "docs" / "results.md")
    monkeypatch.setattr(reference_results, "README", tmp_path / "README.md")
    monkeypatch.setattr(reference_results, "_readme", lambda sets: "readme")
    monkeypatch.setattr(reference_results, "_notes", lambda sets: "")
    monkeypatch.setattr(reference_results, "NOTES", tmp_path / "docs" / "notes.md")
    (tmp_path / "README.md").write_text("readme")
    return tmp_path


def test_the_command_adds_results_and_checks_the_page(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some = ["bicubic", "edsr", *DESIGN.tried[5:]]
    runs = write_study(places / "runs", study_results({"cincgan": 0.3}, left_out=some, seeds=[100]))
    assert main(["--add", str(runs), "--study", "cincgan"]) == 0, capsys.readouterr().err
    assert {path.name for path in (places / "studies").rglob("*") if path.is_file()} == {"result.json"}
    text, (figure,) = places / "docs" / "joint-stage.md", (places / "docs" / "joint-stage").iterdir()
    assert "5 of 20 configurations scored" in text.read_text() and main(["--check"]) == 0
    svg = figure.read_text()
    assert "with the outer cycle: 30 steps (" in svg and "90 steps +0." in svg
    figure.write_text(svg.replace("<path", "<path ", 1))
    assert main(["--check"]) == 0, "lines may differ with the version of matplotlib"
    figure.write_text(svg.replace("90 steps +0.", "90 steps +1.", 1))
    assert main(["--check"]) == 1
    assert f"{figure.name}: not what" in capsys.readouterr().err
    text.write_text(text.read_text().replace("+0.", "+1.", 1))
    assert main(["--check"]) == 1
    assert "joint-stage.md: not what" in capsys.readouterr().err


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--study", "cincgan"], "--add needs --name or --study"),
        (["--add", "runs", "--study", "cincgan", "--name", "a"], "give --add and one of them"),
        (["--add", "runs", "--study", "edsr"], "method 'edsr' declares no study: give cincgan"),
        (["--add", "nowhere", "--study", "cincgan"], "no results here"),
    ],
)
def test_wrong_use_is_a_line_and_exit_code_2(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
