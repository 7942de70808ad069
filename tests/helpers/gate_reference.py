"""A made-up reference of the regression gate, and results that differ from it by known amounts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.regression.reference import EntryKey, Reference, ReferenceImages, ReferenceScores
from benchmarks.results.files import SCHEMA, to_result
from benchmarks.results.record import Environment, EvaluationResult

IMAGES = tuple(f"image-{index}" for index in range(24))
BASE = np.random.default_rng(0).normal(25, 3, 24)
KEYS: dict[str, EntryKey] = {"untrained": ("bicubic", "photos", None), "trained": ("edsr", "photos", 0)}
CELL = "0123456789abcdef"
ENVIRONMENT = Environment("3.11", "Linux", "processor", versions={"torch": "2"})


def entry(key: EntryKey, **tolerance: float) -> ReferenceScores:
    scores: dict[str, Any] = {"rgb": {"psnr": tuple(BASE), "ssim": tuple(BASE / 50), "lpips": tuple(BASE / 40)}}
    return ReferenceScores(*key, scores, {"rgb": tolerance})


def make_reference(**tolerance: float) -> Reference:
    return Reference(
        schema=1,
        profile="smoke",
        reason="made up",
        date="2020-01-01",
        commit=None,
        dirty=None,
        environment=ENVIRONMENT,
        protocols={"rgb": 1},
        metrics={name: {"target": ""} for name in ("psnr", "ssim", "lpips")},
        data={"photos": ReferenceImages("digest", IMAGES)},
        entries=tuple(entry(key, **tolerance) for key in KEYS.values()),
    )


def scored(scores: dict[str, Any], **fields: Any) -> EvaluationResult:
    """A result with these scores under the protocol rgb."""
    cell = {"id": CELL, "kind": "evaluate", "label": "a method", "dataset": "photos", "seed": None, "needs": {}}
    result = to_result(
        {
            **{"schema": SCHEMA, "status": "complete", "cell": cell, "settings": {"protocols": {"rgb": 1}}},
            **{"data": {"digest": "digest", "scale": 4}, "seconds": 1.0, "finished_at": "2020-01-02", "device": "cpu"},
            **{"environment": asdict(ENVIRONMENT), "git": {}, "scores": {"rgb": scores}, **fields},
        }
    )
    assert isinstance(result, EvaluationResult)
    return result


def columns(psnr: Any = 0.0, ssim: Any = 0.0, lpips: Any = 0.0) -> dict[str, dict[str, float]]:
    """The reference's scores, changed by so much."""
    values = {"psnr": BASE + psnr, "ssim": BASE / 50 + ssim, "lpips": BASE / 40 + lpips}
    return {name: dict(zip(IMAGES, map(float, column), strict=True)) for name, column in values.items()}


def result(psnr: Any = 0.0, ssim: Any = 0.0, lpips: Any = 0.0, **fields: Any) -> EvaluationResult:
    """A result whose scores differ from the reference's by so much."""
    return scored(columns(psnr, ssim, lpips), **fields)
