"""Small sound documents: results of three evaluations and a training, an ncnn model."""

from __future__ import annotations

import struct
from typing import Any

IMAGES = ("coffee-104-108", "rocket-117-128", "chelsea-54-33")
GRAPH = "7767517\n2 2\nInput in 0 1 a\nConvolution c 1 1 a b 0=1 1=1 5=1 6=3\n"


def weights_of(graph: str) -> bytes:
    """Weights of ``GRAPH``: three of 16 bits, and a bias."""
    return bytes.fromhex("476b3001") + b"\x00\x3c\x00\xc0\x00\x38" + b"\0\0" + struct.pack("<f", 0.25)


def evaluation(label: str, level: float, needs: dict[str, str]) -> dict[str, Any]:
    """Result of an evaluation, as in its file."""
    psnr = {image: level + place for place, image in enumerate(IMAGES)}
    columns = {"psnr": psnr, "ssim": {image: value / 40 for image, value in psnr.items()}}
    return {
        **_cell(label, "evaluate", 0 if needs else None, needs),
        "settings": {"protocols": {"rgb": 1, "ntire2018": 1}, "metrics": {"psnr": {"target": ""}}, "tile": 0, "threads": 2},
        "scores": {"rgb": columns, "ntire2018": columns},
        "shifts": {"ntire2018": {image: [1, -1] for image in IMAGES}},
        "summary": {"rgb": {"psnr": {"mean": level, "low": level - 1, "high": "inf"}}},
        "missing": {"lpips": "weights missing"},
    }


def training(label: str) -> dict[str, Any]:
    """Result of a training, as in its file."""
    schedule = {"steps": 2, "batch_size": 4, "patch_size": 24, "learning_rate": 0.001, "halve_every": 30}
    numerics = {"beta1": 0.9, "beta2": 0.999, "ema_decay": 0.9, "precision": "float32"}
    sizes = {"features": 16, "shrunk": 5, "mappings": 1, "threads": 2}
    return {
        **_cell(label, "train", 0, {}),
        "settings": {"training": {**schedule, **numerics}, **sizes},
        "weights_digest": "0" * 64,
        "precision": "float32",
        "training_seconds": 0.8,
        "history": [{"step": 1, "mse": 0.5}, {"step": 2, "mse": 0.25}],
    }


def _cell(label: str, kind: str, seed: int | None, needs: dict[str, str]) -> dict[str, Any]:
    cell = {"id": f"{kind}-{label}", "dataset": "demo-photos", "kind": kind, "label": label, "seed": seed, "code": "x"}
    return {
        "schema": 1,
        "cell": {**cell, "needs": needs},
        "profile": "smoke",
        "changes": ["stages.*.training.steps=2"],
        "data": {
            **{"digest": "d" * 64, "scale": 4, "dataset": "demo-photos", "trained_on": "demo-photos"},
            **{"degradation": "track2-like", "parameters": {"blur_sigma_min": 1.5, "seed": 0}},
        },
        "seconds": 1.5,
        "finished_at": "2026-01-01T00:00:00+00:00",
        "environment": {"python": "3.11.7", "platform": "Linux", "processor": "x", "host": "y", "versions": {"numpy": "2.0"}},
        "git": {"commit": "0123456789abcdef", "dirty": False},
    }


RESULTS = (
    evaluation("bicubic", 21.0, {}),
    evaluation("fsrcnn", 20.0, {"fsrcnn": "train-fsrcnn"}),
    evaluation("cincgan", 22.0, {"cincgan-inner": "train-cincgan-inner"}),
    training("fsrcnn"),
)
