"""A small finished run for tests of the report: invented scores, samples that are noisy test images, and its page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from benchmarks.api.image import Pair
from benchmarks.catalog.profiles import load_profile
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.results.files import SCHEMA, to_result, write_result
from benchmarks.results.layout import CELLS, RESULT, SAMPLES, cell_folder_name
from benchmarks.results.record import COMPLETE
from reports.build import build
from reports.studies import load_evidence

IMAGES = ("coffee-104-108", "rocket-117-128")
HOSTILE = "<img src=x onerror=document.title='broken'>"
METHODS = {
    "bicubic": (21.0, ()),
    "edsr": (20.5, ("edsr",)),
    "edsr-paired": (23.0, ("edsr", "edsr-paired")),
    "cincgan": (22.0, ("edsr", "cincgan-inner", "cincgan-joint")),
    "cincgan/no-d1": (21.5, ("edsr", "cincgan-inner", "cincgan-joint")),
}


@cache
def demo_photos() -> Dataset:
    """The data set of the run, degraded as in the smoke profile."""
    return Dataset(load_dataset_card("demo-photos"), load_profile("smoke").degradation)


@cache
def demo_pairs() -> dict[str, Pair]:
    """Its test images by name."""
    return {pair.name: pair for pair in demo_photos().images.pairs("test")}


def identity(label: str) -> str:
    """A cell id."""
    return hashlib.sha256(label.encode()).hexdigest()[:16]


def make_results(root: Path, profile: str = "smoke", images: tuple[str, ...] = IMAGES, **changes: Any) -> Path:
    """Write the cells of a run.

    Args:
        root: folder of the run.
        profile: name in the result files, of a real profile or not.
        images: names of the test images; images of ``demo-photos`` have LR and HR.
        changes: fields to replace in every result file; ``settings`` in evaluations only.
    """
    data = {"digest": demo_photos().digest("test"), "scale": 4, **demo_photos().describe(("test",))}
    pixels = {name: pair.hr for name, pair in demo_pairs().items()}
    stages = dict.fromkeys(stage for _, needs in METHODS.values() for stage in needs)
    for stage in stages:
        history = [{"step": step, "l1": 0.5 / step, "lr_tv": 0.001 * step} for step in range(1, 31)]
        parts = {"data": data, "profile": profile, "history": history, **changes, "settings": {"stage": {}, "threads": 2}}
        _write(root, stage, "train", 0, parts, {})
    for place, (method, (level, needs)) in enumerate(METHODS.items()):
        scores = dict(_scores(level, images, place))
        parts = {"data": data, "profile": profile, "scores": scores, "exploratory": "", **changes}
        seed = 0 if needs else None
        folder = _write(root, method, "evaluate", seed, parts, {stage: identity(f"train {stage}") for stage in needs})
        (folder / SAMPLES).mkdir()
        for name in images:
            hr = pixels.get(name, next(iter(pixels.values())))
            noise = np.random.default_rng(place).normal(0, 4 + 4 * place, hr.shape)
            PillowImage.fromarray(np.clip(hr + noise, 0, 255).astype(np.uint8)).save(folder / SAMPLES / f"{name}.png")
    return root


def _scores(level: float, images: tuple[str, ...], place: int) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """Scores by protocol and metric, of more photographs than verdicts need."""
    names = (*images, *(f"other-{number}" for number in range(14)))
    for protocol, offset in (("rgb", 0.0), ("ntire2018", 0.7)):
        psnr = {name: level + offset + 0.37 * (number % 5) for number, name in enumerate(names)}
        yield (
            protocol,
            {
                "psnr": psnr,
                "ssim": {name: value / 40 for name, value in psnr.items()},
                "lpips": {name: 0.7 - 0.05 * place + value / 200 for name, value in psnr.items()},
            },
        )


def _write(root: Path, label: str, kind: str, seed: int | None, parts: dict[str, Any], needs: dict[str, str]) -> Path:
    identifier = identity(f"{kind} {label}")
    folder = root / CELLS / cell_folder_name(kind, label, "demo-photos", seed, identifier)
    folder.mkdir(parents=True)
    cell = {"id": identifier, "dataset": "demo-photos", "kind": kind, "label": label, "seed": seed, "code": "x", "needs": needs}
    result = {
        "schema": SCHEMA,
        "status": COMPLETE,
        "cell": cell,
        "changes": [],
        "settings": {"protocols": {"rgb": 1, "ntire2018": 1}, "threads": 2},
        "seconds": 1.5,
        "finished_at": "2026-01-01T00:00:00+00:00",
        "environment": {"python": "3.11.7", "host": "machine", "versions": {"numpy": "2.0.0"}},
        "git": {"commit": "0123456789abcdef", "dirty": True},
        **parts,
    }
    write_result(folder / RESULT, to_result(result))
    return folder


@pytest.fixture(name="results", scope="module")
def made_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(name="report", scope="module")
def built_report(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("report")
    build(load_evidence(results), output)
    return output
