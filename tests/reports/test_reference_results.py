"""README.md and docs/results.md say what the committed reference results say, and nothing else."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pytest

from benchmarks.core.blocks import END, begin
from benchmarks.planning.sanity import MARGIN
from benchmarks.results.files import DIGEST
from benchmarks.results.layout import result_files
from reports import reference_results
from reports.findings import SHOWN
from reports.paper import FOLDER
from reports.reference_results import ABLATION, COMMAND, HEADLINE, ROOT, main
from tests.helpers.report_results import make_results

# Score-like numbers: of two digits before the point, or signed or unsigned with two digits behind it.
SCORE = re.compile(r"(?<![\w.:/-])(?:\d\d\.\d+|[+-]?\d\.\d\d+)(?![\d.]|\w)|\d\.\d+(?= dB)")
FIRST, PART = begin(HEADLINE), begin(COMMAND)
clean_results = partial(make_results, git={"commit": "0" * 40, "dirty": False})
NO_SCORES = {
    "3.10": "Python's version",
    "0.999": "a setting, ema_decay",
    "0.0125": "a setting, ZSSR's noise",
    f"{MARGIN}": "the margin of sanity checks",
}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the repository: reference results, a README with marks, a page."""
    monkeypatch.setattr(reference_results, "FOLDER", tmp_path / "reference")
    monkeypatch.setattr(reference_results, "PAGE", tmp_path / "results.md")
    monkeypatch.setattr(reference_results, "README", tmp_path / "README.md")
    monkeypatch.setattr(reference_results, "NOTES", tmp_path / "notes.md")
    monkeypatch.setattr(reference_results, "STUDIES", tmp_path / "studies")
    monkeypatch.setattr(reference_results, "STUDY_PAGES", tmp_path)
    (tmp_path / "README.md").write_text(f"before\n\n{FIRST}\nyesterday\n{END}\n\n{PART}\nyesterday\n{END}\n\nafter\n")
    (tmp_path / "notes.md").write_text(f"{begin(ABLATION)}\n{END}\n")
    return tmp_path


def test_the_readme_and_the_page_are_those_of_the_committed_results(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_every_reference_result_has_the_digest_of_its_content() -> None:
    folders = [*reference_results.FOLDER.iterdir(), *reference_results.STUDIES.glob("*")]
    files = [path for folder in folders for path in result_files(folder)]
    assert len(files) > 200
    assert [path for path in files if f'"{DIGEST}": "' not in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("name", ["README.md", "docs/reproduction-notes.md"])
def test_prose_has_no_scores_but_those_of_papers_and_of_reference_results(name: str) -> None:
    """A score in prose is a paper's, or stands in the written part; trials stand in docs/choices.md, which says what they are."""
    reported = set(re.findall(r"\d+\.\d+", "".join(path.read_text() for path in FOLDER.glob("*.toml"))))
    prose = re.sub(f"{begin('.*?')}.*?{END}", "", (ROOT / name).read_text(), flags=re.S)
    scores = {number.lstrip("+-") for number in SCORE.findall(prose)}
    assert scores <= reported | NO_SCORES.keys()


def test_scores_are_recognised() -> None:
    text = "cincgan 22.27, SSIM 0.503 (+0.83…+1.29), 0.6 dB; rate 5e-4, torch 2.14.1, at 0.5 s, 1809.00437, +0.05"
    assert SCORE.findall(text) == ["22.27", "0.503", "+0.83", "+1.29", "0.6", "+0.05"]


def test_added_results_are_copied_without_weights_images_and_names_of_hosts(places: Path) -> None:
    runs = clean_results(places / "runs")
    (result_files(runs)[0].parent / "weights.safetensors").write_bytes(b"weights")
    assert main(["--add", str(runs), "--name", SHOWN]) == 0
    copies = result_files(places / "reference" / SHOWN)
    assert [path.parent.name for path in copies] == [path.parent.name for path in result_files(runs)]
    assert {path.name for path in (places / "reference").rglob("*") if path.is_file()} == {"result.json"}
    for copy, source in zip(copies, result_files(runs), strict=True):
        record, original = json.loads(copy.read_text()), json.loads(source.read_text())
        assert record["environment"].pop("host") == ""
        original["environment"].pop("host", None)
        assert record == original
    readme, page = (places / "README.md").read_text(), (places / "results.md").read_text()
    assert readme.startswith("before\n")
    assert readme.endswith("after\n")
    assert "yesterday" not in readme
    for text in (readme, page):
        assert "| cincgan " in text
        assert "`cincgan` less each floor, in dB, with intervals that are not corrected: bicubic +1.00" in text
        assert "cannot be told" in text
    assert "Claim 1 of `cincgan`" in page
    assert "- `cincgan`, claims: " in readme
    first = readme.partition(END)[0]
    assert "16 test photographs), of 1 floor (bicubic among" in first
    assert "CinCGAN's PSNR is distinguishably above 1 and below 0 under `rgb`, and above 1" in first
    assert first.rstrip().endswith("CinCGAN beats methods that learn nothing of noise in this training.")


def test_adding_a_set_again_replaces_its_files(places: Path) -> None:
    assert main(["--add", str(clean_results(places / "runs")), "--name", SHOWN]) == 0
    few = clean_results(places / "few")
    for path in result_files(few)[3:]:
        path.unlink()
    assert main(["--add", str(few), "--name", SHOWN]) == 0
    assert len(result_files(places / "reference" / SHOWN)) == 3


@pytest.mark.parametrize("changed", ["README.md", "results.md"])
def test_a_number_that_was_changed_by_hand_is_found(places: Path, changed: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--add", str(clean_results(places / "runs")), "--name", SHOWN])
    assert main(["--check"]) == 0
    text = (places / changed).read_text()
    row = next(line for line in text.splitlines() if line.startswith("| cincgan "))
    (places / changed).write_text(text.replace(row, row.replace("2", "3", 1)))
    assert main(["--check"]) == 1
    assert changed in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--add", "runs"], "--add needs --name or --study, and both need --add"),
        (["--name", "first"], "--add needs --name or --study, and both need --add"),
        (["--add", "runs", "--name", "first", "--check"], "leave out --add"),
        (["--add", "runs", "--name", "../first"], "lower-case letters"),
        (["--add", "nowhere", "--name", SHOWN], "no results here"),
        (["--add", "runs", "--name", "first"], "the README shows this set"),
        ([], "no reference results"),
    ],
)
def test_wrong_use_is_a_line_and_exit_code_2(
    places: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(places)
    clean_results(places / "runs")
    assert main(arguments) == 2
    captured = capsys.readouterr().err
    assert words in captured
    assert captured.count("\n") == 1


def test_a_readme_without_marks_is_refused(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (places / "README.md").write_text("no marks\n")
    assert main(["--add", str(clean_results(places / "runs")), "--name", SHOWN]) == 2
    assert "marks" in capsys.readouterr().err


def test_sets_of_one_study_are_set_side_by_side(places: Path) -> None:
    main(["--add", str(clean_results(places / "runs")), "--name", SHOWN])
    assert "largest difference" not in (places / "results.md").read_text()
    main(["--add", str(clean_results(places / "more")), "--name", "other"])
    page = (places / "results.md").read_text()
    assert f"{SHOWN} and other" in page
    rows = [line for line in page.split("largest difference")[-1].splitlines() if line.startswith("| ")]
    assert rows
    assert all(row.endswith("| 0.00 |") for row in rows)


def test_results_that_were_changed_by_hand_are_refused(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = clean_results(places / "runs")
    path = result_files(runs, "evaluate")[0]
    path.write_text(path.read_text(encoding="utf-8").replace('"other-0": 2', '"other-0": 3', 1), encoding="utf-8")
    assert main(["--add", str(runs), "--name", SHOWN]) == 2
    assert f"{path}: corrupt result file (its fields are not those of its content_digest" in capsys.readouterr().err
    assert not (places / "reference").exists()


def test_results_without_a_digest_are_refused(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = clean_results(places / "runs")
    content = json.loads((path := result_files(runs)[0]).read_text(encoding="utf-8"))
    path.write_text(json.dumps({key: value for key, value in content.items() if key != DIGEST}), encoding="utf-8")
    assert main(["--add", str(runs), "--name", SHOWN]) == 2
    assert f"without a digest of their content, so that a change would not show: {path.parent.name}: " in capsys.readouterr().err
    assert not (places / "reference").exists()


def test_a_set_that_no_page_can_be_made_of_replaces_nothing(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--add", str(clean_results(places / "runs")), "--name", SHOWN]) == 0
    before = {path: path.read_bytes() for path in places.rglob("*") if path.is_file()}
    for path in result_files(few := clean_results(places / "few")):
        if "cincgan" in path.parent.name:
            path.unlink()
    before |= {path: path.read_bytes() for path in few.rglob("*") if path.is_file()}
    capsys.readouterr()
    for arguments, words in (
        (["--name", SHOWN], f"set {SHOWN}, which the README shows, has no test scores of cincgan"),
        (["--study", "cincgan"], "no results of the study, which are validation scores of its configurations"),
    ):
        assert main(["--add", str(few), *arguments]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1
        assert {path: path.read_bytes() for path in places.rglob("*") if path.is_file()} == before


def test_results_of_uncommitted_changes_are_refused(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = make_results(places / "runs", git={"commit": "f" * 40, "dirty": True})
    assert main(["--add", str(runs), "--name", SHOWN]) == 2
    assert "computed with uncommitted changes: evaluate-" in capsys.readouterr().err
    assert not (places / "reference").exists()
