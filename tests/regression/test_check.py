"""The regression gate as a CI system runs it: faults are planted into a copy of the project, and all numbers computed anew."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from benchmarks.catalog.profiles import load_profile
from benchmarks.planning.plan import make_plan
from benchmarks.regression.reference import default_path, mismatches, read_reference
from benchmarks.results.layout import result_files
from tests.conftest import ROOT
from tests.helpers.gate_project import (
    GATE,
    GATE_TEXT,
    PROFILE,
    Project,
    perturb_fsrcnn,
    result_of,
    train_longer,
    verdicts_in,
    worsen_reference,
)
from tests.helpers.stand_ins import PACKAGES

pytestmark = pytest.mark.train
COLUMNS = 2 * 8
CLOSED = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_CONFIG_FILE": os.devnull}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Results of the small profile, and a reference made of them."""
    root = tmp_path_factory.mktemp("gate") / "project"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    project = Project(root)
    (root / GATE).write_text(GATE_TEXT, encoding="utf-8")
    project.run()
    done = project.check("--update", "--reason", "first")
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished one, to plant a fault into."""
    return finished.copy(tmp_path)


def test_without_results_the_profile_is_run(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(project.runs)
    summary = tmp_path / "github.md"
    summary.write_text("from the step before\n", encoding="utf-8")
    done = project.python("benchmarks.check", "--junit", tmp_path / "gate.xml", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"no regression: {COLUMNS} within threshold"
    assert "train fsrcnn on demo-photos, seed 0: done" in done.stderr, "no progress"
    assert set(verdicts_in(tmp_path / "gate.xml").values()) == {"within threshold"}
    assert len(verdicts_in(tmp_path / "gate.xml")) == COLUMNS
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("from the step before\n## Benchmark") and "no regression" in text
    assert not list(project.root.glob("cincgan-check-*")), "the temporary results are still there"


def test_perturbed_weights_are_a_regression(project: Project, tmp_path: Path) -> None:
    perturb_fsrcnn(project, 0.2)
    done = project.check("--junit", tmp_path / "gate.xml", "--summary", tmp_path / "gate.md")
    assert done.returncode == 1, done.stdout
    verdicts = verdicts_in(tmp_path / "gate.xml")
    assert verdicts["fsrcnn", "rgb psnr"] == "regression"
    assert {verdict for (method, _), verdict in verdicts.items() if method == "bicubic"} == {"within threshold"}
    assert verdicts["fsrcnn", "identity"] == "cell id does not cover a change", (
        "the weights were changed behind the project's back"
    )
    (row,) = (line for line in done.stdout.splitlines() if " rgb " in line and "PSNR" in line)
    assert "regression" in row and float(re.findall(r"-0\.\d+", row)[0]) == pytest.approx(-0.2, abs=0.02)
    assert "bicubic" not in done.stdout, "columns within the threshold are not shown"
    assert "| fsrcnn on demo-photos, seed 0 | rgb | PSNR |" in (tmp_path / "gate.md").read_text(encoding="utf-8")
    assert "bicubic" in project.check("--verbose").stdout


def test_an_improvement_is_reported_and_passes_and_an_update_says_what_it_changes(project: Project, tmp_path: Path) -> None:
    train_longer(project)
    worsen_reference(project)
    done = project.check("--junit", tmp_path / "gate.xml", "--summary", tmp_path / "gate.md")
    assert done.returncode == 0, done.stdout
    verdicts = verdicts_in(tmp_path / "gate.xml")
    assert verdicts["fsrcnn", "rgb psnr"] == verdicts["fsrcnn", "rgb ssim"] == verdicts["fsrcnn", "rgb lpips"] == "improvement"
    assert "improvement" in done.stdout and "--update --reason TEXT" in done.stdout
    assert "improvement" in (tmp_path / "gate.md").read_text(encoding="utf-8")
    done = project.check("--update", "--reason", "longer training")
    assert re.search(r"^fsrcnn on demo-photos, seed 0: rgb psnr \S+ -> \S+ \(\+[1-9]", done.stdout, flags=re.M), done.stdout
    assert "bicubic" not in done.stdout
    assert project.check().returncode == 0


def test_another_ssim_window_is_a_regression(project: Project, tmp_path: Path) -> None:
    project.replace("benchmarks/scoring/metrics.py", "SSIM_SIGMA = 1.5", "SSIM_SIGMA = 1.2")
    project.run()
    done = project.check("--junit", tmp_path / "gate.xml")
    assert done.returncode == 1, done.stdout
    verdicts = verdicts_in(tmp_path / "gate.xml")
    assert {verdicts["bicubic", f"{protocol} ssim"] for protocol in ("rgb", "ntire2018", "aligned-rgb")} <= {
        "regression",
        "moved",
    }
    assert "cell id does not cover a change" not in done.stdout, "the change has given the cells other ids"
    assert {verdict for (_, column), verdict in verdicts.items() if "ssim" not in column} == {"within threshold"}


def change_scores_outside_of_ids(project: Project, change: str) -> None:
    """Change all scores in a module that cell ids do not cover, and compute all cells again."""
    project.replace("benchmarks/execution/compute.py", "        scores=scored.scores,\n", f"        scores={change},\n")
    shutil.rmtree(project.runs)
    project.run()


SLIGHTLY = "{p: {m: {i: v + 1e-4 for i, v in c.items()} for m, c in ms.items()} for p, ms in scored.scores.items()}"


def test_other_scores_under_the_same_ids_are_an_uncovered_change(project: Project, tmp_path: Path) -> None:
    """The change is far below all thresholds."""
    before = {path.parent.name for path in result_files(project.runs)}
    change_scores_outside_of_ids(project, SLIGHTLY)
    assert {path.parent.name for path in result_files(project.runs)} == before
    done = project.check("--junit", tmp_path / "gate.xml", "--summary", tmp_path / "gate.md")
    assert done.returncode == 1, done.stdout
    verdicts = verdicts_in(tmp_path / "gate.xml")
    assert verdicts["bicubic", "identity"] == verdicts["fsrcnn", "identity"] == "cell id does not cover a change"
    assert {verdict for (_, column), verdict in verdicts.items() if column != "identity"} == {"within threshold"}
    assert done.stdout.splitlines()[-1] == (
        f"cell id does not cover a change: 2 cells with other scores under the same id, {COLUMNS} within threshold"
    )
    for text in (done.stdout, (tmp_path / "gate.md").read_text(encoding="utf-8")):
        assert re.search(
            r"id does not cover a change: bicubic on demo-photos: cell \w{16} has other scores than the reference \(rgb psnr",
            text,
        )
        assert "Move that code to a package that cell ids cover" in text
    reference = project.reference.read_text(encoding="utf-8")
    elsewhere = json.loads(reference)
    elsewhere["environment"]["processor"] = "another"
    project.reference.write_text(json.dumps(elsewhere), encoding="utf-8")
    done = project.check()
    assert done.returncode == 0, "another environment computes other scores"
    assert "cell id does not cover a change" not in done.stdout and "another environment than the reference's" in done.stdout
    project.reference.write_text(reference, encoding="utf-8")
    updated = project.check("--update", "--reason", "hidden")
    assert updated.returncode == 0 and updated.stdout.count("under the same id") == 2


@pytest.mark.long
def test_swapped_lpips_weights_are_a_regression(project: Project, tmp_path: Path) -> None:
    same_identity = 'state[f"lin{index}.model.1.weight"]'
    project.replace("benchmarks/scoring/lpips.py", same_identity, f"{same_identity}.flip(1)")
    project.run()
    done = project.check("--junit", tmp_path / "gate.xml")
    assert done.returncode == 1, done.stdout
    verdicts = verdicts_in(tmp_path / "gate.xml")
    assert {verdicts["bicubic", f"{protocol} lpips"] for protocol in ("rgb", "aligned-rgb")} <= {"regression", "moved"}
    assert {verdict for (_, column), verdict in verdicts.items() if "lpips" not in column} == {"within threshold"}


def test_lpips_weights_of_another_identity_are_no_measurement(project: Project) -> None:
    project.replace("benchmarks/catalog/metrics.py", '{"net": "alex"}, ("lpips-alex",)', '{"net": "vgg"}, ("lpips-vgg",)')
    done = project.check()
    assert done.returncode == 2
    assert "metric lpips: reference has other option net and other weights" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_method_is_no_measurement_and_hides_no_regression(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(result_of(project, "evaluate", "bicubic").parent)
    done = project.check("--junit", tmp_path / "gate.xml")
    assert done.returncode == 2
    assert "not measured: bicubic on demo-photos: no finished result in" in done.stdout
    assert {verdict for (method, _), verdict in verdicts_in(tmp_path / "gate.xml").items() if method == "bicubic"} == {
        "unmeasured"
    }
    reference = json.loads(project.reference.read_text(encoding="utf-8"))
    fsrcnn = next(entry for entry in reference["entries"] if entry["method"] == "fsrcnn")
    fsrcnn["scores"]["rgb"]["psnr"] = [score + 0.2 for score in fsrcnn["scores"]["rgb"]["psnr"]]
    project.reference.write_text(json.dumps(reference), encoding="utf-8")
    both = project.check()
    assert both.returncode == 1, "what is certainly worse stays so"
    assert "not measured: bicubic" in both.stdout and "regression" in both.stdout


def test_a_method_that_the_profile_has_lost_is_no_measurement(project: Project) -> None:
    project.replace(GATE, '"bicubic", "fsrcnn"', '"fsrcnn"')
    done = project.check()
    assert done.returncode == 2
    assert "not measured: bicubic on demo-photos: not among the results" in done.stdout


def test_results_of_other_code_are_not_taken(project: Project) -> None:
    project.replace("benchmarks/scoring/metrics.py", "SSIM_SIGMA = 1.5", "SSIM_SIGMA = 1.2")
    done = project.check()
    assert done.returncode == 2
    assert "not measured: bicubic on demo-photos: only results of other code or settings in" in done.stdout


def test_failed_methods_and_missing_weights_are_named(project: Project, tmp_path: Path) -> None:
    project.replace("baselines/fsrcnn/stage.py", "__init__(settings.training,", "__init__(settings.traininng,")
    cache = str(tmp_path / "cache")
    done = project.python("benchmarks.check", "--junit", tmp_path / "gate.xml", CINCGAN_CACHE=cache, CINCGAN_OFFLINE="", **CLOSED)
    assert done.returncode == 2, done.stderr
    verdicts = verdicts_in(tmp_path / "gate.xml")
    assert {verdict for (method, _), verdict in verdicts.items() if method == "fsrcnn"} == {"unmeasured"}
    assert verdicts["bicubic", "rgb psnr"] == "within threshold" and verdicts["bicubic", "rgb lpips"] == "unmeasured"
    assert re.search(r"not measured: fsrcnn on demo-photos, seed 0: failed unexpectedly \(AttributeError", done.stdout)
    assert re.search(r"not measured: bicubic on demo-photos \(rgb lpips, aligned-rgb lpips\): weights 'lpips-alex'", done.stdout)
    (kept,) = re.findall(r"^results are kept in (.*)$", done.stderr, flags=re.M)
    assert list(Path(kept).glob("cells/evaluate-bicubic-*/result.json"))


def test_a_diverged_training_is_no_measurement(project: Project) -> None:
    project.replace(GATE, "learning_rate = 1e-3", "learning_rate = 1e9")
    project.replace(GATE, 'methods = ["bicubic", "fsrcnn"]', 'methods = ["fsrcnn"]')
    done = project.python("benchmarks.check")
    assert done.returncode == 2, done.stderr
    assert re.search(
        r"not measured: fsrcnn on demo-photos, seed 0: .*(loss 'mse'|the gradient of 'sr') is (nan|inf)", done.stdout
    ), done.stdout


def test_tolerances_are_measured_from_variations_and_kept(project: Project, tmp_path: Path) -> None:
    varied = tmp_path / "varied"
    line = ("--methods", "fsrcnn", "--set", "stages.fsrcnn.training.learning_rate=1.001e-3")  # differs on every processor
    done = project.python("benchmarks.run", *line, "--output", varied)
    assert done.returncode == 0, done.stderr
    done = project.check("--update", "--reason", "tolerances", "--variation", varied)
    assert done.returncode == 0, done.stderr
    assert "no score has changed" in done.stdout
    reference = read_reference(project.reference, PROFILE)
    bicubic, fsrcnn = reference.entries
    assert reference.reason == "tolerances" and bicubic.tolerance == {}
    assert 0 < fsrcnn.allowed(("ntire2018", "psnr")) < 0.05
    assert project.check("--update", "--reason", "once more").returncode == 0
    again = read_reference(project.reference, PROFILE)
    assert (again.reason, again.entries) == ("once more", reference.entries)


def test_a_run_of_another_machine_widens_tolerances_and_leaves_scores(project: Project) -> None:
    """The reference differs a little here, and has a tolerance that is larger for one column."""
    reference = json.loads(project.reference.read_text(encoding="utf-8"))
    for entry in reference["entries"]:
        entry["scores"]["rgb"]["psnr"] = [score + 0.03 for score in entry["scores"]["rgb"]["psnr"]]
        entry["tolerance"] = {"rgb": {"ssim": 0.5}}
    project.reference.write_text(json.dumps(reference), encoding="utf-8")
    before = read_reference(project.reference, PROFILE)
    shutil.rmtree(result_of(project, "evaluate", "bicubic").parent)
    line = ("--update", "--reason", "there", "--keep-scores", "--variation", project.runs)
    done = project.python("benchmarks.check", *line)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^fsrcnn on demo-photos, seed 0: rgb psnr tolerance 0 -> 0\.03$", done.stdout, flags=re.M), done.stdout
    assert "no score has changed" in done.stdout and "bicubic" not in done.stdout
    after = read_reference(project.reference, PROFILE)
    assert [entry.scores for entry in after.entries] == [entry.scores for entry in before.entries]
    assert (after.environment, after.date, after.commit) == (before.environment, before.date, before.commit)
    assert re.fullmatch(r"first; tolerances \d{4}-\d\d-\d\d: there", after.reason)
    bicubic, fsrcnn = after.entries
    assert bicubic == before.entries[0], "not in the variation"
    assert [fsrcnn.allowed(("rgb", metric)) for metric in ("psnr", "ssim", "lpips")] == [0.03, 0.5, 0]


def test_a_broken_reference_and_another_protocol_version_are_no_measurement(project: Project, tmp_path: Path) -> None:
    whole = project.reference.read_text(encoding="utf-8")
    other = json.loads(whole)
    other["protocols"]["rgb"] += 1
    for content, message in (
        (whole[:-9], "cannot be read"),
        (json.dumps(other), "protocol rgb: reference has version 2, this run 1"),
    ):
        project.reference.write_text(content, encoding="utf-8")
        done = project.check("--junit", tmp_path / "gate.xml")
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr and done.stderr.count("\n") == 1
        assert verdicts_in(tmp_path / "gate.xml") == {("check", "comparison"): "unmeasured"}
    project.reference.write_text(whole, encoding="utf-8")
    project.replace("benchmarks/scoring/protocols/rgb.py", "version=1,", "version=2,")
    done = project.check()
    assert (done.returncode, done.stdout) == (2, "")
    assert "protocol rgb: reference has version 1, this run 2" in done.stderr


def test_an_update_with_missing_results_leaves_the_reference(project: Project) -> None:
    before = project.reference.read_bytes()
    shutil.rmtree(result_of(project, "evaluate", "bicubic").parent)
    done = project.check("--update", "--reason", "missing results")
    assert done.returncode == 2
    assert "evaluate bicubic on demo-photos: no finished result" in done.stderr and "left as it was" in done.stderr
    assert project.reference.read_bytes() == before


def test_the_committed_reference_is_of_this_code() -> None:
    for path in default_path("smoke").parent.glob("*.json"):
        cells = [cell for cell in make_plan(load_profile(path.stem)) if cell.kind == "evaluate"]
        reference = read_reference(path, path.stem)
        assert mismatches(reference, cells) == []
        assert [entry.key for entry in reference.entries] == [(cell.label, cell.dataset, cell.seed) for cell in cells]
        assert all(entry.tolerance for entry in reference.entries), "tolerances were measured"
