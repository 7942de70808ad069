"""Two folders of a user's own images in one results folder: headings, captions, tables and CSV say which is which."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.data.titles import titled
from benchmarks.results.files import read_result, with_digest
from reports.build import build
from reports.studies import load_evidence, make_studies
from tests.helpers.report_results import make_results

PLACES = {
    "by name": ({"a": "/photos/indoor", "b": "/photos/outdoor"}, ("folder (indoor)", "folder (outdoor)")),
    "by the folder above": ({"a": "/indoor/test", "b": "/outdoor/test"}, ("folder (indoor/test)", "folder (outdoor/test)")),
    "one is above the other": ({"a": "/photos", "b": "/photos/photos"}, ("folder (//photos)", "folder (photos/photos)")),
    "markup": ({"a": "/<b>in", "b": "/=out"}, ("folder (<b>in)", "folder (=out)")),
}


def made(root: Path, places: Mapping[str, str]) -> Path:
    """Results of two folders, with other images."""
    for digest, place in places.items():
        for path in make_results(root / digest).rglob("result.json"):
            result = json.loads(path.read_text(encoding="utf-8"))
            result["cell"] |= {"dataset": "folder", "id": result["cell"]["id"][:-1] + digest}
            result["cell"]["needs"] = {stage: cell[:-1] + digest for stage, cell in result["cell"]["needs"].items()}
            result["data"] |= {"dataset": "folder", "directory": place, "digest": digest * 8}
            folder = root / "both" / "cells" / f"{path.parent.name}-{digest}"
            folder.mkdir(parents=True)
            (folder / "result.json").write_text(json.dumps(with_digest(result)), encoding="utf-8")
            read_result(folder / "result.json")
    return root / "both"


@pytest.mark.parametrize("case", PLACES)
def test_two_folders_are_told_apart(case: str, tmp_path: Path) -> None:
    places, titles = PLACES[case]
    evidence = load_evidence(made(tmp_path, places))
    studies = make_studies(evidence)
    assert {study.title for study in studies} == set(titles)
    assert len({study.name for study in studies}) == 2
    assert all(each.result.data.directory == "" for each in evidence), "no folder is read, whatever a result names"


def test_everything_of_the_report_names_them(tmp_path: Path) -> None:
    build(load_evidence(made(tmp_path, PLACES["by name"][0])), tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "report" / "tables.csv").read_text(encoding="utf-8"))))
    captions = [path.read_text(encoding="utf-8").splitlines()[0] for path in (tmp_path / "report").rglob("*methods.md")]
    for title in PLACES["by name"][1]:
        assert f"{title}, profile smoke" in page
        assert any(row["dataset"] == title for row in rows)
        assert any(title in caption for caption in captions)


@pytest.mark.parametrize(
    ("place", "title"),
    [
        ("", "set5"),
        ("/", "set5 (/)"),
        ("/a/new\nline", "set5 (new?line)"),
        ("C:/photos", "set5 (photos)"),
        ("/x + /z", "set5 (x + z)"),
    ],
)
def test_titles(place: str, title: str) -> None:
    assert titled("set5", place) == title
