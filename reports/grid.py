"""Tables of texts, ready for any format: entries with marks and notes, in rows, sections and grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import number
from benchmarks.statistics.intervals import Estimate

Mark = Literal["", "best", "second"]

ONE_TRAINING = "one training"  # entry of a method that has no SD over seeds


@dataclass(frozen=True)
class Entry:
    """One place of a grid.

    Attributes:
        text: a name or a number.
        small: text in brackets behind it: an interval, a note.
        mark: best or second best of its column.
        cells: ids of the cells that the number was computed by.
        value: the number, to sort by; None for texts.
    """

    text: str
    small: str = ""
    mark: Mark = ""
    cells: tuple[str, ...] = ()
    value: float | None = None


@dataclass(frozen=True)
class Section:
    """Rows that belong together, under a heading or none."""

    heading: str
    rows: tuple[tuple[Entry, ...], ...]


@dataclass(frozen=True)
class Grid:
    """A table of texts.

    Attributes:
        name: of its files.
        caption: data, profile and meaning of the numbers.
        headers: one a column.
        sections: rows with as many entries as there are headers.
    """

    name: str
    caption: str
    headers: tuple[str, ...]
    sections: tuple[Section, ...]


def number_entry(value: float | None, digits: int, *, sign: str = "", cells: tuple[str, ...] = ()) -> Entry:
    """A number without an interval; a dash for None."""
    return Entry("–") if value is None else Entry(number(value, digits, sign), cells=cells, value=value)


def estimate_entry(
    estimate: Estimate | None, digits: int, cells: tuple[str, ...], *, sign: str = "", mark: Mark = "", missing: str = "–"
) -> Entry:
    """A mean with its interval; the text ``missing`` for None."""
    if estimate is None:
        return Entry(missing)
    return Entry(*interval(estimate, digits, sign), mark, cells, estimate.mean)


def interval(estimate: Estimate, digits: int, sign: str = "") -> tuple[str, str]:
    """Texts of a mean and of its interval; the second is empty if there is no interval."""
    if not estimate.has_interval:
        return number(estimate.mean, digits, sign), ""
    low, high = number(estimate.low, digits, sign), number(estimate.high, digits, sign)
    return number(estimate.mean, digits, sign), f"{low}…{high}"


def p_value(value: float) -> str:
    """Text of a p-value."""
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def metric_heading(metric: str) -> str:
    """Label of a metric, and an arrow towards better values."""
    entry = get_metric(metric)
    return f"{entry.label} {'↑' if entry.higher_is_better else '↓'}"


def marks(values: Sequence[float | None], *, higher_is_better: bool, digits: int) -> list[Mark]:
    """Best and second best of a column, as printed: equal numbers get equal marks."""
    rounded = [None if value is None else round(value, digits) for value in values]
    order = sorted({value for value in rounded if value is not None}, reverse=higher_is_better)
    places: dict[float, Mark] = dict(zip(order, ("best", "second"), strict=False))
    return [places.get(value, "") if value is not None else "" for value in rounded]
