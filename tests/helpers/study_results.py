"""Results of CinCGAN's designed study with invented scores: configurations that differ by effects of a given size."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.catalog.studies import load_study
from benchmarks.results.files import SCHEMA, to_result, write_result
from benchmarks.results.layout import CELLS, RESULT, cell_folder_name
from benchmarks.results.record import COMPLETE, DIVERGED, Result
from reports.studies import FinishedCell

DESIGN = load_study("cincgan")
STEPS = {f"cincgan/steps-{steps}": steps for steps in (0, 30, 180, 360)}
STAGE = "cincgan-joint"


def study_results(
    effects: Mapping[str, float],
    *,
    photographs: int = 20,
    seeds: Sequence[int] = (100, 101),
    left_out: Collection[str] = (),
    diverged: Collection[tuple[str, int]] = (),
    split: str = "validation",
) -> list[Result]:
    """Evaluations and trainings of the study.

    Args:
        effects: in dB, by configuration; LPIPS falls by a tenth of it. Others have none.
        photographs: number of images.
        seeds: of trainings. Those of different seeds differ by half a dB, alike in all configurations.
        left_out: configurations without results.
        diverged: configurations and seeds whose training has diverged.
        split: of the images.
    """
    levels = np.random.default_rng(1).normal(22, 2, photographs)
    results = []
    for place, name in enumerate(name for name in DESIGN.methods if name not in left_out):
        for seed in seeds if name != "bicubic" else (None,):
            noise = np.random.default_rng((place, seed or 0)).normal(0, 0.01, photographs)
            psnr = levels + 0.5 * ((seed or 0) % 2) + effects.get(name, 0.0) + noise
            has_diverged = (name, seed) in diverged
            needs = {} if seed is None else {STAGE: _id(f"train {name} {seed}")}
            results.append(_evaluation(name, seed, psnr, needs, has_diverged, split))
            if seed is not None:
                steps = STEPS.get(name.removesuffix("-no-outer-cycle"), 90)
                settings = {"stage": {"training": {"steps": steps}}, "threads": 2}
                results.append(_result(STAGE, "train", seed, needs[STAGE], {}, {"settings": settings}, has_diverged))
    return results


def as_evidence(results: Sequence[Result]) -> list[FinishedCell]:
    """Finished cells, without folders."""
    return [FinishedCell(result, None, "") for result in results]


def write_study(root: Path, results: Sequence[Result]) -> Path:
    """Write result files as a run leaves them."""
    for result in results:
        cell = result.cell
        folder = root / CELLS / cell_folder_name(cell.kind, cell.label, cell.dataset, cell.seed, cell.id)
        folder.mkdir(parents=True)
        write_result(folder / RESULT, result)
    return root


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _evaluation(name: str, seed: int | None, psnr: Any, needs: dict[str, str], has_diverged: bool, split: str) -> Result:
    images = [f"photograph-{number}" for number in range(len(psnr))]
    columns = {
        "rgb": {"psnr": psnr, "lpips": 0.7 - psnr / 10 + 2.0},
        "ntire2018": {"psnr": psnr + 0.5},
    }
    scores = {
        protocol: {metric: dict(zip(images, map(float, values), strict=True)) for metric, values in metrics.items()}
        for protocol, metrics in columns.items()
    }
    settings = {"protocols": {"rgb": 1, "ntire2018": 1}, "threads": 2, "split": split}
    parts = {"settings": settings, "scores": {} if has_diverged else scores}
    return _result(name, "evaluate", seed, _id(f"evaluate {name} {seed}"), needs, parts, has_diverged)


def _result(
    label: str, kind: str, seed: int | None, own: str, needs: dict[str, str], parts: dict[str, Any], has_diverged: bool
) -> Result:
    return to_result(
        {
            "schema": SCHEMA,
            "status": DIVERGED if has_diverged else COMPLETE,
            "diagnosis": "the loss is no number" if has_diverged else "",
            "cell": {"id": own, "dataset": "photos", "kind": kind, "label": label, "seed": seed, "code": "x", "needs": needs},
            "data": {"digest": "d" * 16, "scale": 4, "dataset": "photos"},
            "profile": "demo",
            "changes": [],
            "seconds": 1.5,
            "finished_at": "2026-01-01T00:00:00+00:00",
            "environment": {"python": "3.11.7", "host": "machine", "versions": {"torch": "2.14.1"}},
            "git": {"commit": "0" * 40, "dirty": False},
            **parts,
        }
    )
