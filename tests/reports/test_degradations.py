"""Two degradations of one data set in one results folder: every table, caption, heading and file says which is which."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.data.titles import other_degradation, titled
from benchmarks.execution.outcome import Outcome
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.plan import make_plan
from benchmarks.results.files import read_result, with_digest
from benchmarks.tracking.entry import make_entry
from reports.build import build
from reports.claims import claim_verdicts
from reports.paper import load_papers
from reports.presentation import Presentation
from reports.studies import load_evidence, make_studies
from tests.helpers.report_results import make_results

OWN = load_profile("smoke").degradation.name
CHANGES = {
    "bicubic": ["degradation=bicubic"],
    f"{OWN} with noise_gaussian 20.0": [f"degradations.{OWN}.noise_gaussian=20.0"],
}
SUFFIXES = {"bicubic": "bicubic", f"{OWN} with noise_gaussian 20.0": f"{OWN}-with-noise_gaussian-20.0"}


@pytest.fixture(name="both", scope="module", params=CHANGES)
def two_degradations(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A results folder with runs under the profile's own degradation and under another; the other one's words."""
    root, words = tmp_path_factory.mktemp("degradations"), request.param
    make_results(root / "own")
    data = Dataset(load_dataset_card("demo-photos"), load_profile("smoke", CHANGES[words]).degradation)
    described = {"digest": data.digest("test"), "scale": 4, **data.describe(("test",))}
    make_results(root / "other", data=described, changes=CHANGES[words])
    for run in ("own", "other"):
        for path in (root / run).rglob("result.json"):
            result = json.loads(path.read_text(encoding="utf-8"))
            result["cell"]["id"] += run
            result["cell"]["needs"] = {stage: cell + run for stage, cell in result["cell"]["needs"].items()}
            folder = root / "both" / "cells" / f"{path.parent.name}-{run}"
            folder.mkdir(parents=True)
            (folder / "result.json").write_text(json.dumps(with_digest(result)), encoding="utf-8")
    return root / "both", words


def test_studies_are_told_apart_and_the_profiles_own_comes_first(both: tuple[Path, str]) -> None:
    root, words = both
    studies = make_studies(load_evidence(root))
    assert [study.title for study in studies] == ["demo-photos", f"demo-photos (degradation {words})"]
    assert [study.name for study in studies] == ["smoke-demo-photos", f"smoke-demo-photos-{SUFFIXES[words]}"]
    assert [study.has_data_of("demo-photos", {}) for study in studies] == [True, False]


@pytest.mark.parametrize("both", ["bicubic"], indirect=True)
def test_everything_of_the_report_names_the_degradation(both: tuple[Path, str], tmp_path: Path) -> None:
    root, words = both
    lines = build(load_evidence(root), tmp_path)
    title, name = f"demo-photos (degradation {words})", f"smoke-demo-photos-{SUFFIXES[words]}"
    assert {line.partition(",")[0] for line in lines} == {"smoke-demo-photos", name}
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", page).count(f"{title}, profile smoke") == 1
    captions = re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", page, re.DOTALL)
    of_other = [caption for caption in captions if f"Data: {title}, profile smoke." in caption]
    assert len(of_other) == len([caption for caption in captions if "Data: demo-photos, profile smoke." in caption]) > 3
    for path in (tmp_path / "tables").glob(f"{name}-*"):
        assert title.replace("_", r"\_" if path.suffix == ".tex" else "_") in path.read_text(encoding="utf-8"), path.name
    for path in set((tmp_path / "tables").iterdir()) - set((tmp_path / "tables").glob(f"{name}-*")):
        assert "(degradation" not in path.read_text(encoding="utf-8"), path.name
    rows = csv.DictReader(io.StringIO((tmp_path / "tables.csv").read_text(encoding="utf-8")))
    assert {row["dataset"] for row in rows} == {"demo-photos", title}


def test_a_papers_own_data_are_under_the_profiles_own_degradation(both: tuple[Path, str]) -> None:
    own, other = make_studies(load_evidence(both[0]))
    paper = load_papers()["cincgan"]
    for study in (own, other):
        assert all(verdict.verdict not in ("reproduced", "contradicted") for verdict in claim_verdicts(paper, study))


def test_the_mirror_has_the_degradation(both: tuple[Path, str]) -> None:
    root, words = both
    tags = [make_entry(read_result(path)).tags["degradation"] for path in sorted(root.rglob("result.json"))]
    assert set(tags) == {OWN, words.partition(" with")[0]}


@pytest.mark.parametrize(
    ("names", "parameters", "profile", "words"),
    [
        ("bicubic", {}, "smoke", "bicubic"),
        ("the data set's own LR images", None, "smoke", ""),
        ("bicubic", {}, None, "bicubic"),
        ("bicubic", {}, "of a stranger", "bicubic"),
        ("blur + noise", {"blur.sigma": 2.0, "noise.sigma": 3}, "smoke", "blur + noise with blur.sigma 2.0, noise.sigma 3"),
        ("x' + ']", {"a": 1}, "smoke", "x' + '] with a 1"),
    ],
)
def test_words_of_a_degradation(names: str, parameters: dict[str, Any] | None, profile: str | None, words: str) -> None:
    assert other_degradation(names, parameters, profile) == words


def test_the_profiles_own_degradations_are_not_named() -> None:
    for profile in ("smoke", "demo", "paper"):
        degradation = load_profile(profile).degradation
        assert other_degradation(degradation.name, degradation.parameters, profile) == ""
        assert other_degradation(degradation.name, degradation.parameters, None).startswith(f"{degradation.name} with ")


def test_a_long_degradation_is_cut() -> None:
    words = other_degradation("x", {f"key{number}": number for number in range(99)}, "smoke")
    assert len(words) == 201 and words.endswith("…")
    assert titled("folder", "/a/b", "bicubic") == "folder (b; degradation bicubic)"


def written(root: Path, changes: Sequence[str] = (), **where: Any) -> set[str]:
    """Names of the files that a run without results writes at once: its tables."""
    profile = load_profile("smoke", changes)
    outcome = Outcome(make_plan(profile, ["bicubic", "edsr"], **where), [], Workspace(root))
    before = set(root.glob("*"))
    Presentation(profile, outcome).write_tables()
    return {path.name for path in set(root.glob("*")) - before}


def test_the_runs_own_tables_name_the_degradation(tmp_path: Path) -> None:
    assert written(tmp_path) == {"table-smoke.md", "table-smoke.csv"}
    own = (tmp_path / "table-smoke.md").read_text(encoding="utf-8")
    stem = "table-smoke-demo-photos-degradation-bicubic"
    assert written(tmp_path, CHANGES["bicubic"]) == {f"{stem}.md", f"{stem}.csv"}
    assert "demo-photos (degradation bicubic), profile smoke" in (tmp_path / f"{stem}.md").read_text(encoding="utf-8")
    assert "demo-photos (degradation bicubic)," in (tmp_path / f"{stem}.csv").read_text(encoding="utf-8")
    assert (tmp_path / "table-smoke.md").read_text(encoding="utf-8") == own


def test_tables_of_other_data_do_not_replace_each_other(tmp_path: Path) -> None:
    """By data set, training data, a user's folder: two folders of one name too."""
    runs = [written(tmp_path / "runs", datasets=["demo-photos"])]
    runs.append(written(tmp_path / "runs", ["datasets=['set5']"], train_on="demo-photos"))
    runs.append(written(tmp_path / "runs", datasets=["set14"]))
    for place in ("a", "b"):
        folder = photos(tmp_path / place / "photos")
        runs.append(written(tmp_path / "runs", datasets=["folder"], data_dir=folder))
        runs.append(written(tmp_path / "runs", datasets=["folder"], data_dir=folder, train_on="demo-photos"))
    assert all(len(files) == 2 for files in runs)
    assert len(set().union(*runs)) == 2 * len(runs)
    assert {"table-smoke.md", "table-smoke-set5-trained-on-demo-photos.csv"} <= set().union(*runs)
    assert sum(bool(re.fullmatch(r"table-smoke-folder-photos-[0-9a-f]{6}\.md", name)) for name in set().union(*runs)) == 2


def photos(folder: Path) -> Path:
    """A user's own images, for training and for testing."""
    import numpy as np
    from PIL import Image as PillowImage

    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
        for number in range(3):
            pixels = np.random.default_rng((number, split == "test")).integers(0, 256, (96, 96, 3), dtype=np.uint8)
            PillowImage.fromarray(pixels).save(folder / split / f"{split}{number}.png")
    return folder
