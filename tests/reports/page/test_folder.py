"""The folder of a report has the files of the last build, and every file that no build wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.core.errors import UsageError
from reports.build import build, main
from reports.page.folder import MANIFEST, PAGE, TITLE, ReportFolder
from reports.studies import load_evidence
from tests.helpers.report_results import make_results


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}


def written(root: Path, *names: str) -> None:
    """A build that writes texts."""
    folder = ReportFolder(root)
    for name in names:
        folder.add_text(name, name)
    folder.save()


def test_files_of_the_last_build_go_and_others_stay(tmp_path: Path) -> None:
    written(tmp_path, "index.html", "tables/a.md", "tables/b.md", "images/1/x/a.txt")
    (tmp_path / "tables" / "notes.txt").write_text("of the user")
    (tmp_path / "tables" / "b.md").write_text("edited by the user")
    written(tmp_path, "index.html", "tables/c.md")
    assert files(tmp_path) == {MANIFEST, "index.html", "tables/c.md", "tables/notes.txt", "tables/b.md"}
    assert not (tmp_path / "images").exists(), "empty folders go"
    written(tmp_path, "index.html")
    assert files(tmp_path) == {MANIFEST, "index.html", "tables/notes.txt", "tables/b.md"}, "what was edited is the user's own now"


def test_images_are_remembered_too(tmp_path: Path) -> None:
    folder = ReportFolder(tmp_path)
    folder.add_webp("images/a.webp", np.zeros((4, 4, 3), np.uint8))
    folder.save()
    assert files(tmp_path) == {MANIFEST, "images/a.webp"}
    written(tmp_path, "b.md")
    assert files(tmp_path) == {MANIFEST, "b.md"}


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1}', "\ud800", '{"a\\u0000b": "x"}'], ids=ascii)
def test_a_broken_manifest_removes_nothing(content: str, tmp_path: Path) -> None:
    written(tmp_path, "a.md")
    (tmp_path / MANIFEST).write_bytes(content.encode("utf-8", "surrogatepass"))
    written(tmp_path, "b.md")
    assert files(tmp_path) == {MANIFEST, "a.md", "b.md"}


def test_a_strangers_manifest_removes_nothing_elsewhere(tmp_path: Path) -> None:
    """Paths that lead out of the folder, and files behind links."""
    written(tmp_path / "report", "a.md")
    for name in ("own.md", "elsewhere/own.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a.md")
    (tmp_path / "report" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "report" / "link.md").symlink_to(tmp_path / "own.md")
    (digest,) = json.loads((tmp_path / "report" / MANIFEST).read_text()).values()
    names = ("../own.md", str(tmp_path / "own.md"), "link/own.md", "link.md", "../report", "a.md")
    (tmp_path / "report" / MANIFEST).write_text(json.dumps(dict.fromkeys(names, digest)))
    before = files(tmp_path)
    written(tmp_path / "report", "a.md")
    assert files(tmp_path) == before


def test_a_chapter_that_is_gone_leaves_nothing(tmp_path: Path) -> None:
    make_results(tmp_path / "runs", images=("coffee-104-108",))
    build(load_evidence(tmp_path / "runs"), tmp_path / "report")
    before = files(tmp_path / "report")
    assert {name for name in before if "ablation" in name}
    assert set(json.loads((tmp_path / "report" / MANIFEST).read_text())) == before - {MANIFEST}
    (tmp_path / "report" / "notes.txt").write_text("of the user")
    (variant,) = (tmp_path / "runs" / "cells").glob("evaluate-cincgan.no-d1*")
    shutil.rmtree(variant)
    build(load_evidence(tmp_path / "runs"), tmp_path / "report")
    after = files(tmp_path / "report")
    assert after < before | {"notes.txt"} and "notes.txt" in after
    assert not {name for name in after if "ablation" in name or "no-d1" in name}


@pytest.mark.parametrize("is_built", [False, True])
@pytest.mark.parametrize("own", [PAGE, "tables.csv", "tables/a.md"])
def test_a_users_own_file_is_never_replaced(own: str, is_built: bool, tmp_path: Path) -> None:
    if is_built:
        written(tmp_path, "b.md")
    (tmp_path / own).parent.mkdir(exist_ok=True)
    (tmp_path / own).write_text("<title>my page</title>")
    before = files(tmp_path)
    with pytest.raises(UsageError, match=f"{own}: not written by this command: move it away, or name another folder"):
        written(tmp_path, "b.md", PAGE, "tables.csv", "tables/a.md")
    assert files(tmp_path) == before and (tmp_path / own).read_text() == "<title>my page</title>"


def test_a_build_without_manifest_is_known_by_its_page(tmp_path: Path) -> None:
    (tmp_path / PAGE).write_text(f"<!doctype html><title>{TITLE}</title>")
    (tmp_path / "tables.csv").write_text("of an older version")
    written(tmp_path, PAGE, "tables.csv")
    assert (tmp_path / "tables.csv").read_text() == "tables.csv"


def test_a_killed_build_is_known_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "old.md")
    with monkeypatch.context() as patch:
        patch.setattr(ReportFolder, "_remove", lambda self, path: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            written(tmp_path, "a.md")
    written(tmp_path, "a.md", "b.md")
    assert files(tmp_path) == {MANIFEST, "a.md", "b.md"}


def test_folders_with_images_or_results_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_results(tmp_path / "runs", images=("coffee-104-108",))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.JPG").write_bytes(b"x")
    (cell, *_) = (tmp_path / "runs" / "cells").iterdir()
    before = files(tmp_path)
    for output, message in (
        (tmp_path / "photos", "has images of your own (holiday.JPG): name another folder"),
        (tmp_path / "runs", "has results of runs: name another folder"),
        (tmp_path / "runs" / "cells", "has results of runs"),
        (cell / "report", "has results of runs"),
    ):
        assert main(["--results", str(tmp_path / "runs"), "--output", str(output)]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert files(tmp_path) == before
