"""Page of speed figures over commits: a table with a small plot a row, in one HTML file without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.core.errors import UsageError
from benchmarks.measuring.record import TITLES, SpeedRecord, about, values

WIDTH, HEIGHT, MARGIN = 260, 44, 5  # of a plot, in CSS pixels
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # a machine each; readable for the colour-blind
STYLE = """\
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: middle; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
"""


@dataclass(frozen=True)
class _Point:
    """A figure of one record.

    Attributes:
        record: number of the record, from the oldest.
        machine: number of the machine.
        seconds: our time.
        ratio: time of the other implementation over ours, if there is one.
    """

    record: int
    machine: int
    seconds: float
    ratio: float | None

    @property
    def height(self) -> float:
        """The value that is drawn: the ratio, which hardly depends on the machine, or else seconds."""
        return self.seconds if self.ratio is None else self.ratio


def to_html(records: Sequence[SpeedRecord]) -> str:
    """The page.

    Args:
        records: of any commits and machines, in any order. Points of one machine are joined, those of two are not.

    Raises:
        UsageError: no record has a figure.
    """
    ordered = sorted(records, key=lambda record: record.finished_at)
    machines = list(dict.fromkeys(_machine(record) for record in ordered))
    series: dict[str, dict[str, list[_Point]]] = {part: {} for part in TITLES}
    for number, record in enumerate(ordered):
        for part, work, seconds, ratio in values(record):
            series[part].setdefault(work, []).append(_Point(number, machines.index(_machine(record)), seconds, ratio))
    if not any(series.values()):
        raise UsageError("the records have no figures: measure with python -m benchmarks.speed all --output FILE")
    tables = [_table(TITLES[part], works, ordered) for part, works in series.items() if works]
    legend = [f'<li><span style="color: {_colour(number)}">●</span> {escape(name)}</li>' for number, name in enumerate(machines)]
    commits = [f"<li>{escape(about(record))}</li>" for record in ordered]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Speed over commits</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>Speed over commits</h1>\n"
        "<p>A plot shows how many times faster than the other implementation, higher is better; where there is no other, "
        "seconds, lower is better. The oldest commit is at the left.</p>\n"
        f"<ul>\n{_lines(legend)}</ul>\n{_lines(tables)}<h2>Measurements</h2>\n<ol>\n{_lines(commits)}</ol>\n</body>\n</html>\n"
    )


def _lines(parts: Sequence[str]) -> str:
    return "".join(f"{part}\n" for part in parts)


def _machine(record: SpeedRecord) -> str:
    """Name that is the same for records whose seconds can be compared."""
    return f"{record.machine.name} ({record.machine.environment.processor}), {record.machine.cores} cores"


def _colour(machine: int) -> str:
    return COLOURS[machine % len(COLOURS)]


def _table(title: str, works: dict[str, list[_Point]], records: Sequence[SpeedRecord]) -> str:
    heads = ("latest, s", "times faster", "of the one before", "")
    head = "".join(f'<th class="number">{text}</th>' for text in heads)
    rows = [_row(work, points, records) for work, points in works.items()]
    body = f"<thead><tr><th>work</th>{head}</tr></thead>\n<tbody>\n{_lines(rows)}</tbody>"
    return f"<h2>{escape(title)}</h2>\n<table>\n{body}\n</table>"


def _row(work: str, points: Sequence[_Point], records: Sequence[SpeedRecord]) -> str:
    """A figure's latest values, its time as a share of that before on the same machine, and its plot."""
    latest = points[-1]
    before = [point for point in points[:-1] if point.machine == latest.machine]
    cells = (
        f"{latest.seconds:.4g}",
        "" if latest.ratio is None else f"{latest.ratio:.2f}",
        f"{latest.seconds / before[-1].seconds:.0%}" if before else "",
        _plot(work, points, records),
    )
    numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
    return f"<tr><td>{escape(work)}</td>{numbers}</tr>"


def _plot(work: str, points: Sequence[_Point], records: Sequence[SpeedRecord]) -> str:
    """SVG of a figure over records, from 0 to the largest value."""
    largest = max(point.height for point in points)
    across = (WIDTH - 2 * MARGIN) / max(1, len(records) - 1)
    places = [
        (MARGIN + across * point.record, HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * point.height / largest) for point in points
    ]
    marks = ""
    for machine in dict.fromkeys(point.machine for point in points):
        own = [(point, place) for point, place in zip(points, places, strict=True) if point.machine == machine]
        line = " ".join(f"{x:.1f},{y:.1f}" for _, (x, y) in own)
        marks += f'<polyline points="{line}" fill="none" stroke="{_colour(machine)}"/>'
        for point, (x, y) in own:
            text = f"{records[point.record].commit}, {records[point.record].finished_at[:10]}: {point.height:.4g}"
            marks += f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_colour(machine)}"><title>{escape(text)}</title></circle>'
    values_text = ", ".join(f"{point.height:.4g}" for point in points)
    label = escape(f"{work}: {values_text}", quote=True)
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{label}">{marks}</svg>'
