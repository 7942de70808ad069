"""The leaderboard as a page that opens from disk: filters, sortable tables, the origin of every number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.core.text import counted
from reports.formats import to_html
from reports.page.folder import ReportFolder
from reports.page.origin import origins
from reports.page.rendering import render_page
from reports.paper import Paper
from reports.sharing.leaderboard import Leaderboard, reported_origins
from reports.studies import FinishedCell

PAGE = "leaderboard.html"
TITLE = "CinCGAN benchmark: leaderboard"


def write_leaderboard(
    output: ReportFolder, boards: Sequence[Leaderboard], evidence: Iterable[FinishedCell], papers: Sequence[Paper]
) -> None:
    """Add ``leaderboard.html`` to a folder.

    Args:
        output: folder of the report.
        boards: in the order of the page.
        evidence: finished cells that numbers come from.
        papers: whose numbers may stand on the boards.
    """
    cells = {cell.id: cell for cell in evidence}
    used = {cell for board in boards for line in board.lines for cell in line.cells}
    behind = used | {need for cell in used & cells.keys() for need in cells[cell].result.cell.needs.values()}
    reported = {key: about for key, about in reported_origins(papers).items() if key in used}
    data = {"cells": {**origins(cells[key] for key in sorted(behind & cells.keys())), **reported}, "viewers": []}
    lines = [line for board in boards for line in board.lines]
    filters = [
        ("dataset", "Data set", sorted({board.title for board in boards})),
        ("protocol", "Protocol", list(dict.fromkeys(board.protocol for board in boards))),
        ("family", "Family", sorted({line.family for line in lines})),
        ("origin", "Origin", sorted({line.origin for line in lines})),
    ]
    page = render_page(
        "leaderboard.html.j2",
        ("report.js", "leaderboard.js"),
        title=TITLE,
        filters=filters,
        boards=[_board(place, board) for place, board in enumerate(boards, start=1)],
        count=counted(len(boards), "leaderboard"),
        data=data,
    )
    output.add_text(PAGE, page)


def _board(place: int, board: Leaderboard) -> dict[str, Any]:
    """A board for the template: its caption stands above the table, which may be wider."""
    from markupsafe import Markup

    grid = board.grid(f"board-{place}-table")
    html = Markup(to_html(replace(grid, caption="")))  # noqa: S704 - to_html escapes
    about = {"id": f"board-{place}", "dataset": board.title, "protocol": board.protocol, "caption": grid.caption}
    return {**about, "title": f"{board.heading}, {board.protocol}", "html": html}
