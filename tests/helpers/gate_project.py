"""A copy of the project with a small profile, results and reference scores of its own, for tests of the regression gate."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
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
from benchmarks.results.files import with_digest
from benchmarks.results.layout import WEIGHTS, result_files
from benchmarks.results.trained import load_stage
from benchmarks.scoring.metrics import psnr
from tests.helpers.warm_process import run_module

PROFILE = "gate"
GATE = f"benchmarks/catalog/profiles/{PROFILE}.toml"
GATE_TEXT = f"""\
extends = "smoke"
name = "{PROFILE}"
description = "the smoke profile with one untrained and one trained method"
methods = ["bicubic", "fsrcnn"]

[stages.fsrcnn.training]
steps = 30
learning_rate = 1e-3
"""
CLOSED = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_CONFIG_FILE": os.devnull}


@dataclass(frozen=True)
class Project:
    """A copy of the project with results and reference scores of its own."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def reference(self) -> Path:
        return self.root / "benchmarks" / "regression" / "reference_scores" / f"{PROFILE}.json"

    def python(self, module: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if name not in ("MLFLOW_TRACKING_URI", "GITHUB_STEP_SUMMARY")}
        env |= {"PYTHONPATH": str(self.root), "TMPDIR": str(self.root), **environment}
        return run_module(module, ("--profile", PROFILE, *map(str, arguments)), self.root, env, timeout=300)

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


def result_of(project: Project, kind: str, method: str) -> Path:
    (path,) = result_files(project.runs, f"{kind}-{method}")
    return path


def perturb_fsrcnn(project: Project, drop: float) -> None:
    """Add noise to the last layer's weights until RGB PSNR is ``drop`` dB lower, and have the cell evaluated again."""
    trained = result_of(project, "train", "fsrcnn")
    weights = load((trained.parent / WEIGHTS).read_bytes())
    (last,) = (name for name, weight in weights.items() if weight.shape[-2:] == (9, 9))
    noise = torch.randn(weights[last].shape, generator=torch.Generator().manual_seed(0)) / 10
    clean = fsrcnn_outputs(trained.parent)
    store(trained, weights | {last: weights[last] + noise})
    change = [noisy - image for noisy, image in zip(fsrcnn_outputs(trained.parent), clean, strict=True)]
    low, high = 0.0, 1.0
    for _ in range(20):  # the last layer is linear, and so is the change of the output in the noise
        scale = (low + high) / 2
        fallen = mean_psnr(clean) - mean_psnr([image + scale * part for image, part in zip(clean, change, strict=True)])
        low, high = (low, scale) if fallen > drop else (scale, high)
    store(trained, weights | {last: weights[last] + scale * noise})
    assert fallen == pytest.approx(drop, abs=0.01)
    result_of(project, "evaluate", "fsrcnn").unlink()
    project.run()


def train_longer(project: Project) -> None:
    """Train ten times as many steps."""
    project.replace(GATE, "steps = 30", "steps = 300")
    project.run()


def worsen_reference(project: Project) -> None:
    """Make the reference's scores of FSRCNN so much worse that the measured ones are an improvement under every metric."""
    reference = json.loads(project.reference.read_text(encoding="utf-8"))
    (entry,) = (entry for entry in reference["entries"] if entry["method"] == "fsrcnn")
    steps = {"psnr": -2.0, "ssim": -0.1, "lpips": 0.1}
    for metrics in entry["scores"].values():
        for metric, values in metrics.items():
            metrics[metric] = [value + steps[metric] for value in values]
    project.reference.write_text(json.dumps(reference), encoding="utf-8")


def store(trained: Path, weights: dict[str, torch.Tensor]) -> None:
    content = save(weights)
    (trained.parent / WEIGHTS).write_bytes(content)
    result = json.loads(trained.read_text(encoding="utf-8"))
    changed = with_digest(result | {"weights_digest": hashlib.sha256(content).hexdigest()})
    trained.write_text(json.dumps(changed), encoding="utf-8")


def fsrcnn_outputs(folder: Path) -> list[Any]:
    """Outputs of the stored network for all test images, ``(H, W, 3)`` in [0, 1], not clipped."""
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
    return make_plan(load_profile("smoke"), ["fsrcnn"])[-1].data.images.pairs("test")


def verdicts_in(junit: Path) -> dict[tuple[str, str], str]:
    """Verdicts of a JUnit XML file by method and column; the form of the file is checked."""
    suites = ElementTree.parse(junit).getroot()  # noqa: S314 (our own)
    (suite,) = suites
    assert (suites.tag, suite.tag) == ("testsuites", "testsuite")
    cases = list(suite)
    for tag, name in (("failure", "failures"), ("error", "errors")):
        assert int(suite.attrib[name]) == int(suites.attrib[name]) == sum(case.find(tag) is not None for case in cases)
    assert int(suite.attrib["tests"]) == len(cases) == len({(case.attrib["classname"], case.attrib["name"]) for case in cases})
    verdicts = {}
    for case in cases:
        assert case.tag == "testcase" and len(case) == 1 and float(case.attrib["time"]) >= 0
        assert case[0].tag in ("failure", "error", "system-out") and (case[0].text or "").strip()
        if case[0].tag != "system-out":
            assert case[0].attrib["message"] and case[0].attrib["type"]
        method = case.attrib["classname"].partition(".")[2].partition(" on ")[0]
        verdicts[method, case.attrib["name"]] = case[0].attrib.get("type") or str(case[0].text).partition(":")[0]
    return verdicts
