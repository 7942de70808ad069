"""Placement of names beside points in a plane, so that names cover little and each is told from the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Span = tuple[float, float, float, float]  # left, bottom, right, top in points (1/72 inch)

NEAR = 8.0  # points: a name within this distance needs no line to its point
LETTER, LINE = 4.9, 8.0  # width of a letter and height of a name, in points
PASSES = 3  # names are placed again when all others have a place
MARK = 4.0  # half of a marker's width, in points


@dataclass(frozen=True)
class Label:
    """The place of a name, and dots along the line from its point; no dots if the name is near."""

    box: Span
    line: tuple[Span, ...]


def place_labels(points: Mapping[str, tuple[float, float]], bars: Sequence[Span], frame: Span) -> dict[str, Label]:
    """A place for each name, the same for the same points.

    Args:
        points: centre of each marker by name, in points (1/72 inch).
        bars: areas of other drawn parts, which names should not cover.
        frame: area that names should not leave.
    """
    marks = {name: (x - MARK, y - MARK, x + MARK, y + MARK) for name, (x, y) in points.items()}
    placed: dict[str, Label] = {}
    for _ in range(PASSES):
        for name in sorted(points, key=lambda name: (-points[name][1], name)):
            others = [label for other, label in placed.items() if other != name]
            below = [*bars, *marks.values(), *(label.box for label in others), *(dot for label in others for dot in label.line)]
            crossed = [*(mark for other, mark in marks.items() if other != name), *(label.box for label in others)]
            candidates = _candidates(*points[name], LETTER * len(name))
            costs = (
                (0.1 * distance**2 + _cost(label, below, crossed, frame), label.box, label) for distance, label in candidates
            )
            placed[name] = min(costs, key=lambda candidate: candidate[:2])[2]
    return placed


def _candidates(x: float, y: float, width: float) -> Iterator[tuple[float, Label]]:
    """Distances and places around a point."""
    for distance in (6.0, 14.0, 24.0, 36.0, 50.0, 66.0):
        for step in range(16):
            dx, dy = math.cos(step * math.pi / 8), math.sin(step * math.pi / 8)
            left = x + dx * distance - width * (1 - dx) / 2
            bottom = y + dy * distance - LINE * (1 - dy) / 2
            box = (left, bottom, left + width, bottom + LINE)
            yield distance, Label(box, tuple(_dots(x, y, box)) if distance > NEAR else ())


def _dots(x: float, y: float, box: Span) -> Iterator[Span]:
    to_x, to_y = min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])
    for part in (0.3, 0.5, 0.7, 0.9):
        at_x, at_y = x + part * (to_x - x), y + part * (to_y - y)
        yield at_x - 1, at_y - 1, at_x + 1, at_y + 1


def _cost(label: Label, below: Sequence[Span], crossed: Sequence[Span], frame: Span) -> float:
    """Weighted area, in square points, that a name covers and its line crosses; area outside of the frame counts most."""
    area = (label.box[2] - label.box[0]) * (label.box[3] - label.box[1])
    covered = sum(_overlap(label.box, area) for area in below)
    crossing = sum(_overlap(dot, area) for dot in label.line for area in crossed)
    return covered * 4 + crossing * 20 + (area - _overlap(label.box, frame)) * 20


def _overlap(a: Span, b: Span) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
