"""Formats of a grid: the terminal, Markdown, LaTeX (booktabs), HTML."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from benchmarks.core.text import markdown
from reports.grid import ONE_TRAINING, Entry, Grid, Section

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

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
SHRUNK = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}"  # a command for wide tables
MARKS = {"": ("", ""), "best": ("**", "**"), "second": ("<u>", "</u>")}


def to_markdown(grid: Grid) -> str:
    """A caption and a GitHub-flavoured Markdown table with padded columns; best in bold, second best underlined."""
    lines = [[markdown(header) for header in grid.headers]]
    for section in grid.sections:
        lines += [[f"*{markdown(section.heading)}*"] + [""] * (len(grid.headers) - 1)] if section.heading else []
        lines += [[_markdown(entry) for entry in row] for row in section.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([f"**{markdown(grid.caption)}**", "", padded[0], rule, *padded[1:]]) + "\n"


def _markdown(entry: Entry) -> str:
    before, after = MARKS[entry.mark]
    return f"{before}{markdown(entry.text)}{after}" + (f" ({markdown(entry.small)})" if entry.small else "")


def to_latex(grid: Grid) -> str:
    r"""A ``table``, no wider than the page; needs ``\usepackage{booktabs,graphicx}``. Best in bold, second best underlined."""
    columns = "l" + "r" * (len(grid.headers) - 1)
    head = " & ".join(_stacked(header) for header in grid.headers)
    body: list[str] = []
    for index, section in enumerate(grid.sections):
        body += [r"\midrule"] if index else []
        body += [rf"\multicolumn{{{len(grid.headers)}}}{{l}}{{\emph{{{escape(section.heading)}}}}} \\"] if section.heading else []
        body += [" & ".join(_latex(entry) for entry in row) + r" \\" for row in section.rows]
    lines = [r"\begin{table}", r"\centering\footnotesize", rf"\caption{{{escape(grid.caption)}}}", rf"\label{{tab:{grid.name}}}"]
    lines += [rf"{SHRUNK}{{%", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", rf"{head} \\", r"\midrule", *body, r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}}", r"\end{table}"]) + "\n"


def _stacked(text: str) -> str:
    """A header in two lines, the last word in the second."""
    first, _, last = text.rpartition(" ")
    return rf"\shortstack{{{escape(first)}\\{escape(last)}}}" if first else escape(last)


def _latex(entry: Entry) -> str:
    text = escape(_minus(entry.text))
    text = {"": text, "best": rf"\textbf{{{text}}}", "second": rf"\underline{{{text}}}"}[entry.mark]
    return text + (rf" {{\scriptsize({escape(_minus(entry.small))})}}" if entry.small else "")


def _minus(text: str) -> str:
    """Text with minus signs before numbers in place of hyphens; hyphens within names stay."""
    return re.sub(r"(?<![\w=-])-(?=[\d∞])", "−", text)


def escape(text: str) -> str:
    """Text for LaTeX, in one line; letters that LaTeX's standard fonts lack become question marks."""
    printable = re.sub(rf"[^\x20-\x7e\xa1-\u017f–—‘’“”{''.join(LATEX)[1:]}]", "?", " ".join(text.split()))
    text = re.sub("|".join(map(re.escape, LATEX)), lambda match: LATEX[match[0]], printable)
    return f"{{}}{text}" if text.startswith(("[", "*")) else text  # or the line break before it would read it as its option


def to_html(grid: Grid) -> str:
    """A ``<table>``. Attributes of numbers: ``data-value`` to sort by, ``data-cells`` with the ids of their cells."""
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


EMPTY = ("", "–", ONE_TRAINING)  # texts of entries without a number


def to_terminal(grid: Grid, width: int | None = None) -> Group:
    """A table for Rich's console, over its caption: intervals and notes below entries; best in bold, second best underlined.

    Columns without a number in any row, such as the SD over seeds of single trainings, are left out.

    Args:
        grid: the table.
        width: of the terminal, which the caption keeps to; None if it may be as wide as the console.
    """
    from rich import box
    from rich.console import Group
    from rich.constrain import Constrain
    from rich.table import Table as RichTable
    from rich.text import Text

    table = RichTable(box=box.SIMPLE_HEAD)
    rows = [row for section in grid.sections for row in section.rows]
    shown = [column for column in range(len(grid.headers)) if not rows or any(row[column].text not in EMPTY for row in rows)]
    longest_name = min(36, max((len(row[0].text) for row in rows), default=0))
    for column in shown:
        first, _, last = grid.headers[column].rpartition(" ")
        table.add_column(
            Text(f"{first}\n{last}".strip()),
            justify="right" if column else "left",
            no_wrap=bool(column),
            min_width=None if column else longest_name,
            max_width=None if column else 36,
        )
    for section in grid.sections:
        if section.heading:
            table.add_section()
            table.add_row(Text(section.heading.replace(": ", ":\n").replace(", ", ",\n"), "italic"))
        for row in section.rows:
            table.add_row(*(_text(row[column]) for column in shown))
    return Group(table, Constrain(Text(grid.caption), width))


def _text(entry: Entry) -> Text:
    from rich.text import Text

    text = Text().append(entry.text, {"": "", "best": "bold", "second": "underline"}[entry.mark])
    return text.append(f"\n{entry.small}") if entry.small else text
