"""Where names stand beside points in a plane, so that they cover little and each is told from the others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Span = tuple[float, float, float, float]  # left, bottom, right, top in points (1/72 inch)

NEAR = 8.0  # points: a name that is not farther from its point needs no line to it
LETTER, LINE = 4.9, 8.0  # width of a letter and height of a name, in points
PASSES = 3  # a name that was placed early may find a better place once all are there
MARK = 4.0  # half of a marker's width, in points


@dataclass(frozen=True)
class Label:
    """A name's place, and dots along the line from its point to it; none where it is near."""

    box: Span
    line: tuple[Span, ...]


def place_labels(points: Mapping[str, tuple[float, float]], bars: Sequence[Span], frame: Span) -> dict[str, Label]:
    """Name points beside them.

    Args:
        points: by name, in points.
        bars: what else is drawn and should not be covered.
        frame: that no name should leave.

    Returns:
        By name, its place: always the same for the same points.
    """
    marks = {name: (x - MARK, y - MARK, x + MARK, y + MARK) for name, (x, y) in points.items()}
    placed: dict[str, Label] = {}
    for _ in range(PASSES):
        for name in sorted(points, key=lambda each: (-points[each][1], each)):
            others = [label for other, label in placed.items() if other != name]
            below = [*bars, *marks.values(), *(label.box for label in others), *(dot for each in others for dot in each.line)]
            crossed = [*(mark for other, mark in marks.items() if other != name), *(label.box for label in others)]
            candidates = _candidates(*points[name], LETTER * len(name))
            costs = (
                (0.1 * distance**2 + _cost(label, below, crossed, frame), label.box, label) for distance, label in candidates
            )
            placed[name] = min(costs, key=lambda each: each[:2])[2]
    return placed


def _candidates(x: float, y: float, width: float) -> Iterator[tuple[float, Label]]:
    """Places for a name around a point, each with its distance."""
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
    """Square points that a name covers, and its line crosses; much more for leaving the frame."""
    area = (label.box[2] - label.box[0]) * (label.box[3] - label.box[1])
    covered = sum(_overlap(label.box, each) for each in below)
    crossing = sum(_overlap(dot, each) for dot in label.line for each in crossed)
    return covered * 4 + crossing * 20 + (area - _overlap(label.box, frame)) * 20


def _overlap(a: Span, b: Span) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
