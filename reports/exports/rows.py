"""Rows for sites that list numbers of papers: one a method, protocol and metric, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.core.text import csv_text
from reports.sharing.leaderboard import Leaderboard, Line
from reports.studies import FinishedCell

TASK = "image super-resolution x{}"
COLUMNS = (
    *("task", "dataset", "split", "dataset_digest", "protocol", "protocol_version", "model", "family", "origin", "about"),
    *("profile", "trained_on", "marks"),
    *("metric", "value", "low", "high", "rank", "images", "photographs", "cells", "commit", "evaluated_at"),
)


def to_csv(boards: Sequence[Leaderboard], cells: Mapping[str, FinishedCell]) -> str:
    """A line for each number of leaderboards, at full precision. Texts that a spreadsheet would compute are escaped.

    Args:
        boards: leaderboards.
        cells: finished cells by id.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for board in boards:
        for line in board.lines:
            if not line.reported:  # a paper's numbers are the paper's to list
                writer.writerows(_rows(board, line, [cells[cell] for cell in line.cells]))
    return text.getvalue()


def _rows(board: Leaderboard, line: Line, evidence: Sequence[FinishedCell]) -> Iterator[list[object]]:
    result = evidence[0].evaluation
    about = (
        *(TASK.format(result.data.scale), board.title, result.settings.split, result.data.digest, board.protocol),
        *(board.version, line.method, line.family, line.origin, line.about, *board.setting, "; ".join(line.marks)),
    )
    commits = " ".join(sorted({cell.result.git.commit for cell in evidence if cell.result.git.commit}))
    counts = (len(board.measurements.groups), board.measurements.photographs)
    last = max(cell.result.finished_at for cell in evidence)
    for metric in board.metrics:
        scores = board.measurements.columns(line.key).get((board.protocol, metric))
        if scores:
            mean = board.measurements.estimate(scores, (board.protocol, metric))
            first, end = board.ranks[metric].get(line.key, ("", ""))
            rank = f"{first}" if first == end else f"{first}-{end}"
            values = (metric, repr(mean.mean), repr(mean.low), repr(mean.high), rank)
            row = (*about, *values, *counts, " ".join(line.cells), commits, last)
            yield [csv_text(value) if isinstance(value, str) and not _is_number(value) else value for value in row]


def _is_number(text: str) -> bool:
    """True for numbers, negative ones too, which no spreadsheet computes."""
    try:
        float(text)
    except ValueError:
        return False
    return True
