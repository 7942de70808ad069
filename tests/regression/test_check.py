"""The regression gate as a CI system runs it: faults planted into a copy of the project, every number computed anew."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from baselines.fsrcnn.method import FSRCNN
from benchmarks.api.image import Pair
from benchmarks.catalog.profiles import load_profile
from benchmarks.degradations.rounding import to_uint8
from benchmarks.planning.plan import make_plan
from benchmarks.regression.reference import default_path, mismatches, read_baseline
from benchmarks.results.trained import load_stage
from benchmarks.scoring.metrics import psnr
from tests.conftest import ROOT
from tests.helpers.stand_ins import PACKAGES

PROFILE = "gate"  # the smoke profile with one untrained and one trained method
SCHEDULE = "[stages.fsrcnn.training]"
CLOSED = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_CONFIG_FILE": os.devnull}


@dataclass(frozen=True)
class Project:
    """A copy of the project with results and a baseline of its own."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def baseline(self) -> Path:
        return self.root / "benchmarks" / "baselines" / f"{PROFILE}.json"

    def python(self, module: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", module, "--profile", PROFILE, *map(str, arguments)]
        env = {name: value for name, value in os.environ.items() if name not in ("MLFLOW_TRACKING_URI", "GITHUB_STEP_SUMMARY")}
        env |= {"PYTHONPATH": str(self.root), "TMPDIR": str(self.root), **environment}
        return subprocess.run(line, cwd=self.root, env=env, capture_output=True, text=True, timeout=300)

    def run(self) -> None:
        done = self.python("benchmarks.run", "--all", "--output", self.runs)
        assert done.returncode == 0, done.stderr

    def check(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.python("benchmarks.check", "--results", self.runs, *arguments, **environment)

    def replace(self, path: str, old: str, new: str) -> None:
        """Change one place of the source."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} has {old!r} {text.count(old)} times"
        (self.root / path).write_text(text.replace(old, new), encoding="utf-8")

    def copy(self, where: Path) -> Project:
        shutil.copytree(self.root, where / "project", ignore=shutil.ignore_patterns("__pycache__", "mlflow*", "mlartifacts"))
        return Project(where / "project")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Results of the small profile, and a baseline made of them."""
    root = tmp_path_factory.mktemp("gate") / "project"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    project = Project(root)
    smoke = (root / "benchmarks" / "profiles" / "smoke.toml").read_text(encoding="utf-8")
    fewer, count = re.subn(r"^methods = .*$", 'methods = ["bicubic", "fsrcnn"]', smoke, flags=re.M)
    assert count == 1
    (root / "benchmarks" / "profiles" / f"{PROFILE}.toml").write_text(fewer.replace('"smoke"', f'"{PROFILE}"'), encoding="utf-8")
    project.run()
    done = project.check("--update", "--reason", "first")
    assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished one, to plant a fault into."""
    return finished.copy(tmp_path)


def result_of(project: Project, kind: str, method: str) -> Path:
    (path,) = project.runs.glob(f"cells/{kind}-{method}-*/result.json")
    return path


def perturb_fsrcnn(project: Project, drop: float) -> None:
    """Add noise to the last layer's weights until RGB PSNR is ``drop`` dB lower, and have the cell evaluated again."""
    trained = result_of(project, "train", "fsrcnn")
    weights = load((trained.parent / "weights.safetensors").read_bytes())
    (last,) = (name for name, weight in weights.items() if weight.shape[-2:] == (9, 9))
    noise = torch.randn(weights[last].shape, generator=torch.Generator().manual_seed(0)) / 10
    clean = fsrcnn_outputs(trained.parent)
    store(trained, weights | {last: weights[last] + noise})
    change = [noisy - image for noisy, image in zip(fsrcnn_outputs(trained.parent), clean, strict=True)]
    low, high = 0.0, 1.0
    for _ in range(20):  # the last layer is linear: so much of the noise is so much of the change
        scale = (low + high) / 2
        fallen = mean_psnr(clean) - mean_psnr([image + scale * part for image, part in zip(clean, change, strict=True)])
        low, high = (low, scale) if fallen > drop else (scale, high)
    store(trained, weights | {last: weights[last] + scale * noise})
    assert fallen == pytest.approx(drop, abs=0.01)
    result_of(project, "evaluate", "fsrcnn").unlink()
    project.run()


def train_longer(project: Project) -> None:
    """Ten times the steps."""
    project.replace(f"benchmarks/catalog/profiles/{PROFILE}.toml", f"{SCHEDULE}\nsteps = 30", f"{SCHEDULE}\nsteps = 300")
    project.run()


def store(trained: Path, weights: dict[str, torch.Tensor]) -> None:
    content = save(weights)
    (trained.parent / "weights.safetensors").write_bytes(content)
    result = json.loads(trained.read_text(encoding="utf-8"))
    trained.write_text(json.dumps(result | {"weights_digest": hashlib.sha256(content).hexdigest()}), encoding="utf-8")


def fsrcnn_outputs(folder: Path) -> list[Any]:
    """What the stored network makes of every test image, ``(H, W, 3)`` in [0, 1], not clipped."""
    method = FSRCNN.from_stages({"fsrcnn": load_stage(folder)}, 4)
    lr = [torch.from_numpy(pair.lr.transpose(2, 0, 1).copy()).unsqueeze(0) / 255 for pair in pairs()]
    with torch.inference_mode():
        return [method(image)[0].permute(1, 2, 0).double().numpy() for image in lr]


def mean_psnr(images: list[Any]) -> float:
    both = zip(images, pairs(), strict=True)
    return float(np.mean([psnr(to_uint8(image * 255) / 255.0, pair.hr / 255.0, data_range=1.0) for image, pair in both]))


@cache
def pairs() -> list[Pair]:
    """The test images."""
    return make_plan(load_profile("smoke"), ["fsrcnn"])[-1].data.test_pairs()


def verdicts(junit: Path) -> dict[tuple[str, str], str]:
    """By method and column what JUnit XML says, after a look at its form."""
    suites = ElementTree.parse(junit).getroot()  # noqa: S314 (our own)
    (suite,) = suites
    assert (suites.tag, suite.tag) == ("testsuites", "testsuite")
    cases = list(suite)
    for tag, name in (("failure", "failures"), ("error", "errors")):
        assert int(suite.attrib[name]) == int(suites.attrib[name]) == sum(case.find(tag) is not None for case in cases)
    assert int(suite.attrib["tests"]) == len(cases) == len({(case.attrib["classname"], case.attrib["name"]) for case in cases})
    found = {}
    for case in cases:
        assert case.tag == "testcase" and len(case) == 1 and float(case.attrib["time"]) >= 0
        assert case[0].tag in ("failure", "error", "system-out") and (case[0].text or "").strip()
        if case[0].tag != "system-out":
            assert case[0].attrib["message"] and case[0].attrib["type"]
        method = case.attrib["classname"].partition(".")[2].partition(" on ")[0]
        found[method, case.attrib["name"]] = case[0].attrib.get("type") or str(case[0].text).partition(":")[0]
    return found


pytestmark = pytest.mark.train
COLUMNS = 2 * 8


def test_without_results_it_runs_the_profile_and_finds_the_same(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(project.runs)
    summary = tmp_path / "github.md"
    summary.write_text("from the step before\n", encoding="utf-8")
    done = project.python("benchmarks.check", "--junit", tmp_path / "gate.xml", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"no regression: {COLUMNS} as before"
    assert "train fsrcnn on demo-photos, seed 0: done" in done.stderr, "no progress"
    assert set(verdicts(tmp_path / "gate.xml").values()) == {"same"}
    assert len(verdicts(tmp_path / "gate.xml")) == COLUMNS
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("from the step before\n## Benchmark") and "no regression" in text
    assert not list(project.root.glob("cincgan-check-*")), "the temporary results are still there"


def test_perturbed_weights_are_a_regression(project: Project, tmp_path: Path) -> None:
    perturb_fsrcnn(project, 0.2)
    done = project.check("--junit", tmp_path / "gate.xml", "--summary", tmp_path / "gate.md")
    assert done.returncode == 1, done.stdout
    found = verdicts(tmp_path / "gate.xml")
    assert found["fsrcnn", "rgb psnr"] == "regression"
    assert {verdict for (method, _), verdict in found.items() if method == "bicubic"} == {"same"}
    (row,) = (line for line in done.stdout.splitlines() if " rgb " in line and "PSNR" in line)
    assert "regression" in row and float(re.findall(r"-0\.\d+", row)[0]) == pytest.approx(-0.2, abs=0.02)
    assert "bicubic" not in done.stdout, "what has not moved is not shown"
    assert "| fsrcnn on demo-photos, seed 0 | rgb | PSNR |" in (tmp_path / "gate.md").read_text(encoding="utf-8")
    assert "bicubic" in project.check("--verbose").stdout


def test_an_improvement_is_reported_and_passes_and_an_update_says_what_it_changes(project: Project, tmp_path: Path) -> None:
    train_longer(project)
    done = project.check("--junit", tmp_path / "gate.xml", "--summary", tmp_path / "gate.md")
    assert done.returncode == 0, done.stdout
    found = verdicts(tmp_path / "gate.xml")
    assert found["fsrcnn", "rgb psnr"] == found["fsrcnn", "rgb ssim"] == found["fsrcnn", "rgb lpips"] == "improvement"
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
    found = verdicts(tmp_path / "gate.xml")
    assert {found["bicubic", f"{protocol} ssim"] for protocol in ("rgb", "ntire2018", "aligned-rgb")} <= {"regression", "moved"}
    assert {verdict for (_, column), verdict in found.items() if "ssim" not in column} == {"same"}


def test_swapped_lpips_weights_are_a_regression(project: Project, tmp_path: Path) -> None:
    same_identity = 'state[f"lin{index}.model.1.weight"]'
    project.replace("benchmarks/scoring/lpips.py", same_identity, f"{same_identity}.flip(1)")
    project.run()
    done = project.check("--junit", tmp_path / "gate.xml")
    assert done.returncode == 1, done.stdout
    found = verdicts(tmp_path / "gate.xml")
    assert {found["bicubic", f"{protocol} lpips"] for protocol in ("rgb", "aligned-rgb")} <= {"regression", "moved"}
    assert {verdict for (_, column), verdict in found.items() if "lpips" not in column} == {"same"}


def test_lpips_weights_of_another_identity_are_no_measurement(project: Project) -> None:
    project.replace("benchmarks/catalog/registry.py", '{"net": "alex"}, ("lpips-alex",)', '{"net": "vgg"}, ("lpips-vgg",)')
    done = project.check()
    assert done.returncode == 2
    assert "metric lpips: baseline has other option net and other weights" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_method_is_no_measurement_and_hides_no_regression(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(result_of(project, "evaluate", "bicubic").parent)
    done = project.check("--junit", tmp_path / "gate.xml")
    assert done.returncode == 2
    assert "not measured: bicubic on demo-photos: no finished result in" in done.stdout
    assert {verdict for (method, _), verdict in verdicts(tmp_path / "gate.xml").items() if method == "bicubic"} == {"unmeasured"}
    baseline = json.loads(project.baseline.read_text(encoding="utf-8"))
    fsrcnn = next(entry for entry in baseline["entries"] if entry["method"] == "fsrcnn")
    fsrcnn["scores"]["rgb"]["psnr"] = [score + 0.2 for score in fsrcnn["scores"]["rgb"]["psnr"]]
    project.baseline.write_text(json.dumps(baseline), encoding="utf-8")
    both = project.check()
    assert both.returncode == 1, "what is certainly worse stays so"
    assert "not measured: bicubic" in both.stdout and "regression" in both.stdout


def test_a_method_that_the_profile_has_lost_is_no_measurement(project: Project) -> None:
    project.replace(f"benchmarks/catalog/profiles/{PROFILE}.toml", '"bicubic", "fsrcnn"', '"fsrcnn"')
    done = project.check()
    assert done.returncode == 2
    assert "not measured: bicubic on demo-photos: not among the results" in done.stdout


def test_results_of_other_code_are_not_taken(project: Project) -> None:
    project.replace("benchmarks/scoring/metrics.py", "SSIM_SIGMA = 1.5", "SSIM_SIGMA = 1.2")
    done = project.check()
    assert done.returncode == 2
    assert "not measured: bicubic on demo-photos: only results of other code or settings in" in done.stdout


def test_what_fails_and_what_lacks_weights_is_named(project: Project, tmp_path: Path) -> None:
    project.replace("baselines/fsrcnn.py", "(settings.training, FSRCNNNetwork(", "(settings.traininng, FSRCNNNetwork(")
    cache = str(tmp_path / "cache")
    done = project.python("benchmarks.check", "--junit", tmp_path / "gate.xml", CINCGAN_CACHE=cache, CINCGAN_OFFLINE="", **CLOSED)
    assert done.returncode == 2, done.stderr
    found = verdicts(tmp_path / "gate.xml")
    assert {verdict for (method, _), verdict in found.items() if method == "fsrcnn"} == {"unmeasured"}
    assert found["bicubic", "rgb psnr"] == "same" and found["bicubic", "rgb lpips"] == "unmeasured"
    assert re.search(r"not measured: fsrcnn on demo-photos, seed 0: failed unexpectedly \(AttributeError", done.stdout)
    assert re.search(r"not measured: bicubic on demo-photos \(rgb lpips, aligned-rgb lpips\): weights 'lpips-alex'", done.stdout)
    (kept,) = re.findall(r"^results are kept in (.*)$", done.stderr, flags=re.M)
    assert list(Path(kept).glob("cells/evaluate-bicubic-*/result.json"))


def test_a_diverged_training_is_no_measurement(project: Project) -> None:
    settings = f"{SCHEDULE}\nsteps = 30\nbatch_size = 4\npatch_size = 24\nlearning_rate ="
    project.replace(f"benchmarks/catalog/profiles/{PROFILE}.toml", f"{settings} 1e-3", f"{settings} 1e9")
    project.replace(f"benchmarks/catalog/profiles/{PROFILE}.toml", 'methods = ["bicubic", "fsrcnn"]', 'methods = ["fsrcnn"]')
    done = project.python("benchmarks.check")
    assert done.returncode == 2, done.stderr
    assert re.search(r"not measured: fsrcnn on demo-photos, seed 0: .*loss 'mse' is nan", done.stdout), done.stdout


def test_tolerances_are_measured_from_variations_and_kept(project: Project, tmp_path: Path) -> None:
    varied = tmp_path / "varied"
    line = ("--methods", "fsrcnn", "--set", "stages.fsrcnn.training.learning_rate=1.001e-3")  # differs on every processor
    done = project.python("benchmarks.run", *line, "--output", varied)
    assert done.returncode == 0, done.stderr
    done = project.check("--update", "--reason", "tolerances", "--variation", varied)
    assert done.returncode == 0, done.stderr
    assert "no score has changed" in done.stdout
    baseline = read_baseline(project.baseline, PROFILE)
    bicubic, fsrcnn = baseline.entries
    assert baseline.reason == "tolerances" and bicubic.tolerance == {}
    assert 0 < fsrcnn.allowed(("ntire2018", "psnr")) < 0.05
    assert project.check("--update", "--reason", "once more").returncode == 0
    again = read_baseline(project.baseline, PROFILE)
    assert (again.reason, again.entries) == ("once more", baseline.entries)


def test_a_run_of_another_machine_widens_tolerances_and_leaves_scores(project: Project) -> None:
    """The baseline is off by a little here, and was measured with a tolerance that is larger for one column."""
    baseline = json.loads(project.baseline.read_text(encoding="utf-8"))
    for entry in baseline["entries"]:
        entry["scores"]["rgb"]["psnr"] = [score + 0.03 for score in entry["scores"]["rgb"]["psnr"]]
        entry["tolerance"] = {"rgb": {"ssim": 0.5}}
    project.baseline.write_text(json.dumps(baseline), encoding="utf-8")
    before = read_baseline(project.baseline, PROFILE)
    shutil.rmtree(result_of(project, "evaluate", "bicubic").parent)
    line = ("--update", "--reason", "there", "--keep-scores", "--variation", project.runs)
    done = project.python("benchmarks.check", *line)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^fsrcnn on demo-photos, seed 0: rgb psnr tolerance 0 -> 0\.03$", done.stdout, flags=re.M), done.stdout
    assert "no score has changed" in done.stdout and "bicubic" not in done.stdout
    after = read_baseline(project.baseline, PROFILE)
    assert [entry.scores for entry in after.entries] == [entry.scores for entry in before.entries]
    assert (after.environment, after.date, after.commit) == (before.environment, before.date, before.commit)
    assert re.fullmatch(r"first; tolerances \d{4}-\d\d-\d\d: there", after.reason)
    bicubic, fsrcnn = after.entries
    assert bicubic == before.entries[0], "not in the variation"
    assert [fsrcnn.allowed(("rgb", metric)) for metric in ("psnr", "ssim", "lpips")] == [0.03, 0.5, 0]


def test_a_broken_baseline_and_one_of_another_protocol_version_are_no_measurement(project: Project, tmp_path: Path) -> None:
    whole = project.baseline.read_text(encoding="utf-8")
    other = json.loads(whole)
    other["protocols"]["rgb"] += 1
    for content, message in (
        (whole[:-9], "cannot be read"),
        (json.dumps(other), "protocol rgb: baseline has version 2, this run 1"),
    ):
        project.baseline.write_text(content, encoding="utf-8")
        done = project.check("--junit", tmp_path / "gate.xml")
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr and done.stderr.count("\n") == 1
        assert verdicts(tmp_path / "gate.xml") == {("check", "comparison"): "unmeasured"}
    project.baseline.write_text(whole, encoding="utf-8")
    title = '"RGB, whole image, no border shaved, no alignment",\n            '
    project.replace("benchmarks/scoring/protocols.py", f"{title}1,", f"{title}2,")
    done = project.check()
    assert (done.returncode, done.stdout) == (2, "")
    assert "protocol rgb: baseline has version 1, this run 2" in done.stderr


def test_an_update_with_holes_leaves_the_baseline(project: Project) -> None:
    before = project.baseline.read_bytes()
    shutil.rmtree(result_of(project, "evaluate", "bicubic").parent)
    done = project.check("--update", "--reason", "holes")
    assert done.returncode == 2
    assert "evaluate bicubic on demo-photos: no finished result" in done.stderr and "left as it was" in done.stderr
    assert project.baseline.read_bytes() == before


def test_the_committed_baseline_is_of_this_code() -> None:
    for path in default_path("smoke").parent.glob("*.json"):
        cells = [cell for cell in make_plan(load_profile(path.stem)) if cell.kind == "evaluate"]
        baseline = read_baseline(path, path.stem)
        assert mismatches(baseline, cells) == []
        assert [entry.key for entry in baseline.entries] == [(cell.label, cell.dataset, cell.seed) for cell in cells]
        assert all(entry.tolerance for entry in baseline.entries), "tolerances were measured"
