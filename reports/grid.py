"""A table without a format, and its formats: Markdown, LaTeX (booktabs), HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.core.text import markdown

Mark = Literal["", "best", "second"]

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "Δ": r"$\Delta$",
    "∞": r"$\infty$",
    "–": "--",
    "…": r"\ldots{}",
    "−": "$-$",
    "×": r"$\times$",
    "<": "$<$",
    ">": "$>$",
}
MARKS = {"": ("", ""), "best": ("**", "**"), "second": ("<u>", "</u>")}


@dataclass(frozen=True)
class Entry:
    """One place of a table.

    Attributes:
        text: what it says.
        small: beside it, in brackets: an interval, a note.
        mark: best or second best of its column.
        cells: ids of the cells that the number was computed by.
        value: to sort by, where the text is a number.
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
    """A table: its headers, its sections, and what its numbers are."""

    name: str
    caption: str
    headers: tuple[str, ...]
    sections: tuple[Section, ...]


def to_markdown(grid: Grid) -> str:
    """A GitHub-flavoured Markdown table with its caption; best in bold, second best underlined."""
    lines = [[markdown(header) for header in grid.headers]]
    for section in grid.sections:
        lines += [[f"*{markdown(section.heading)}*"] + [""] * (len(grid.headers) - 1)] if section.heading else []
        lines += [[_markdown(entry) for entry in row] for row in section.rows]
    return markdown_lines(grid.caption, lines)


def markdown_lines(caption: str, lines: Sequence[Sequence[str]]) -> str:
    """A caption, and lines of equally many texts as a Markdown table with padded columns; the first line is the header.

    The caption is plain text; the others are Markdown.
    """
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([f"**{markdown(caption)}**", "", padded[0], rule, *padded[1:]]) + "\n"


def _markdown(entry: Entry) -> str:
    before, after = MARKS[entry.mark]
    return f"{before}{markdown(entry.text)}{after}" + (f" ({markdown(entry.small)})" if entry.small else "")


def to_latex(grid: Grid) -> str:
    r"""A ``table`` with booktabs' rules; needs ``\usepackage{booktabs}``. Best in bold, second best underlined."""
    columns = "l" + "r" * (len(grid.headers) - 1)
    head = " & ".join(_stacked(header) for header in grid.headers)
    body: list[str] = []
    for index, section in enumerate(grid.sections):
        body += [r"\midrule"] if index else []
        body += [rf"\multicolumn{{{len(grid.headers)}}}{{l}}{{\emph{{{escape(section.heading)}}}}} \\"] if section.heading else []
        body += [" & ".join(_latex(entry) for entry in row) + r" \\" for row in section.rows]
    lines = [r"\begin{table}", r"\centering\footnotesize", rf"\caption{{{escape(grid.caption)}}}", rf"\label{{tab:{grid.name}}}"]
    lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", rf"{head} \\", r"\midrule", *body, r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}", r"\end{table}"]) + "\n"


def _stacked(text: str) -> str:
    """A header in two lines, where it has a last word to be in the second."""
    first, _, last = text.rpartition(" ")
    return rf"\shortstack{{{escape(first)}\\{escape(last)}}}" if first else escape(last)


def _latex(entry: Entry) -> str:
    text = escape(_minus(entry.text))
    text = {"": text, "best": rf"\textbf{{{text}}}", "second": rf"\underline{{{text}}}"}[entry.mark]
    return text + (rf" {{\scriptsize({escape(_minus(entry.small))})}}" if entry.small else "")


def _minus(text: str) -> str:
    """With minus signs for the hyphens before numbers, which typesetting would show as hyphens; those within names stay."""
    return re.sub(r"(?<![\w=-])-(?=[\d∞])", "−", text)


def escape(text: str) -> str:
    """Text for LaTeX, in one line; letters that its fonts do not have become question marks."""
    known = re.sub(rf"[^\x20-\x7e\xa1-\u017f–—‘’“”{''.join(LATEX)[1:]}]", "?", " ".join(text.split()))
    text = re.sub("|".join(map(re.escape, LATEX)), lambda found: LATEX[found[0]], known)
    return f"{{}}{text}" if text.startswith(("[", "*")) else text  # or else the line break of the line before would take it


def to_html(grid: Grid) -> str:
    """A ``<table>``, sortable by what ``data-value`` says; each number names its cells in ``data-cells``."""
    heads = "".join(f'<th scope="col">{html.escape(header)}</th>' for header in grid.headers)
    bodies = "".join(_html_section(section, len(grid.headers)) for section in grid.sections)
    caption = html.escape(grid.caption)
    return f'<table id="{html.escape(grid.name)}"><caption>{caption}</caption><thead><tr>{heads}</tr></thead>{bodies}</table>\n'


def _html_section(section: Section, columns: int) -> str:
    heading = (
        f'<tr class="heading"><th colspan="{columns}" scope="rowgroup"><span>{html.escape(section.heading)}</span></th></tr>'
    )
    rows = "".join(f"<tr>{''.join(_html(entry, index == 0) for index, entry in enumerate(row))}</tr>" for row in section.rows)
    return f"<tbody>{heading if section.heading else ''}{rows}</tbody>"


def _html(entry: Entry, first: bool) -> str:
    text = html.escape(_minus(entry.text))
    text = {"": text, "best": f"<strong>{text}</strong>", "second": f"<u>{text}</u>"}[entry.mark]
    small = f" <small>{html.escape(_minus(entry.small))}</small>" if entry.small else ""
    value = "" if entry.value is None else f' data-value="{entry.value!r}"'
    cells = f' data-cells="{html.escape(" ".join(entry.cells))}"' if entry.cells else ""
    return f'<th scope="row">{text}{small}</th>' if first else f"<td{value}{cells}>{text}{small}</td>"


def marks(values: Sequence[float | None], *, higher_is_better: bool, digits: int) -> list[Mark]:
    """Best and second best of a column, as printed: equal numbers get equal marks."""
    shown = [None if value is None else round(value, digits) for value in values]
    order = sorted({value for value in shown if value is not None}, reverse=higher_is_better)
    places: dict[float, Mark] = dict(zip(order, ("best", "second"), strict=False))
    return [places.get(value, "") if value is not None else "" for value in shown]
