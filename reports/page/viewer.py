"""Viewers of the page: two versions of a sample image, one over the other, with their scores; the images are written as WebP."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import number
from reports.figures.samples import HR, LR, Sample, cut, view_box
from reports.measurements import Column
from reports.page.folder import ReportFolder
from reports.tables import REFERENCE

DISPLAY = 448  # CSS pixels a side: a picture is shown at the largest whole multiple of its size that fits


def make_viewer(
    output: ReportFolder, folder: str, index: int, sample: Sample, columns: Sequence[Column], under_study: Collection[str]
) -> dict[str, Any]:
    """Write every version of a sample, and describe its viewer for the template and the script.

    Args:
        output: folder of the report.
        folder: folder for the images, relative to ``output``.
        index: place among all viewers of the page.
        sample: the image in all versions.
        columns: scores that the viewer says.
        under_study: methods of which the first one is compared with bicubic at the start.
    """
    box = view_box(sample)
    top, left, height, width = box
    versions = []
    for name, image in sample.images.items():
        source = f"{folder}/{slug(name)}.webp"
        output.add_webp(source, cut(image, box, sample.scale if name == LR else 1))
        versions.append({"name": name, "src": source, "alt": f"{sample.name}: {name}", **_scores(sample, name, columns)})
    row, column, tall, wide = sample.region
    names = list(sample.images)
    full = next(image for name, image in sample.images.items() if name != LR).shape
    cropped = f"Cut to {width}×{height} of {full[1]}×{full[0]} pixels, around the marked region."
    return {
        "id": f"viewer-{index}",
        "index": index,
        "width": width,
        "height": height,
        "display": width * max(1, DISPLAY // width),
        "region": [(row - top) / height, (column - left) / width, tall / height, wide / width],
        "versions": versions,
        "left": names.index(REFERENCE) if REFERENCE in names else 0,
        "right": next((place for place, name in enumerate(names) if name in under_study), len(names) - 1),
        "cropped": cropped if (height, width) != full[:2] else "",
    }


def _scores(sample: Sample, version: str, columns: Sequence[Column]) -> dict[str, str]:
    """Scores of a version, a line each, and the id of the cell that they come from."""
    if version in (LR, HR):
        return {"scores": "", "about": "the input, pixel by pixel" if version == LR else "the ground truth", "cells": ""}
    lines = []
    for protocol, metric in columns:
        score = sample.scores(version, protocol).get(metric)
        if score is not None:
            entry = get_metric(metric)
            text = f"{entry.label} {number(score, entry.digits)} {entry.unit}".rstrip()
            lines.append(f"{text} ({protocol})")
    return {"scores": "\n".join(lines), "about": f"{sample.name}, {version}", "cells": sample.origin[version].id}


def slug(name: str) -> str:
    """A name as part of a file name: letters, digits, points and dashes, at most 80 of them, whatever the name holds."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:80] or "unnamed"
