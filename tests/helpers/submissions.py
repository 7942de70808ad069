"""Submissions as result files, with invented scores of the images of ``report_results``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from benchmarks.results.files import SCHEMA, to_result, write_result
from benchmarks.results.layout import CELLS, RESULT, cell_folder_name
from tests.helpers.report_results import IMAGES, demo_photos

NAMES = (*IMAGES, *(f"other-{number}" for number in range(14)))


def write_submission(root: Path, label: str, level: float, card: dict[str, str] | None = None, **changes: Any) -> Path:
    """Write the result of a submission.

    Args:
        root: results folder of the author.
        label: name of the method.
        level: PSNR of the first image under ``rgb``.
        card: the authors' description.
        changes: fields to replace in the result file.
    """
    identifier = hashlib.sha256(f"{label} {level} {changes}".encode()).hexdigest()[:16]
    psnr = {name: level + 0.37 * (number % 5) for number, name in enumerate(NAMES)}
    cell = {"id": identifier, "dataset": "demo-photos", "kind": "evaluate", "label": label, "seed": None, "needs": {}}
    digest = hashlib.sha256(label.encode()).hexdigest()
    result = {
        "schema": SCHEMA,
        "status": "complete",
        "cell": {**cell, "code": f"images:{digest}"},
        "profile": "smoke",
        "settings": {"protocols": {"rgb": 1}},
        "data": {"digest": demo_photos().digest("test"), "scale": 4, **demo_photos().describe(("test",))},
        "seconds": 1.0,
        "finished_at": "2026-01-02T00:00:00+00:00",
        "environment": {},
        "git": {},
        "scores": {"rgb": {"psnr": psnr, "ssim": {name: value / 40 for name, value in psnr.items()}}},
        "exploratory": "images made elsewhere",
        "submission": {"card": card or {}, "scored_by": "a on b", "images": dict.fromkeys(NAMES, digest)},
        **changes,
    }
    path = root / CELLS / cell_folder_name("evaluate", label, "demo-photos", None, identifier) / RESULT
    path.parent.mkdir(parents=True)
    write_result(path, to_result(result))
    return root
