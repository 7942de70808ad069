"""``python -m reports.build``: tables and verdicts from result files alone, the same bytes for the same results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.command import Parser, named_path, run_command
from benchmarks.core.errors import UsageError

if TYPE_CHECKING:
    from reports.page import Chapter
    from reports.reported import Paper
    from reports.studies import Evidence, Study
    from reports.tables import Table

EXAMPLES = """\
examples:
  python -m reports.build                                    runs/ to runs/report/
  python -m reports.build --results runs --output report
  python -m reports.build --results runs --from-mlflow       the same tables out of the MLflow mirror of runs/
  python -m reports.build --from-mlflow http://tracking.example:5000 --output report

Writes index.html, which opens from disk: verdicts, tables, figures, images to compare, the origin of every number; beside it
tables as Markdown, LaTeX (tables.tex compiles as it is) and HTML, and tables.csv with the cells and MLflow runs of every number.
Nothing is trained or scored, and torch is not needed.

exit codes: 0 built, 1 something failed, 2 wrong use or nothing to build from
"""
PREAMBLE = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[margin=1cm,landscape]{geometry}
\usepackage{booktabs}
\begin{document}
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m reports.build", "Regenerate tables and verdicts from finished results.", EXAMPLES)
    parser.add_argument("--results", type=named_path, default=Path("runs"), metavar="DIR", help="a run's folder (default: runs)")
    parser.add_argument("--output", type=named_path, metavar="DIR", help="where to write (default: report in the results folder)")
    parser.add_argument("--data-dir", type=named_path, metavar="DIR", help="your own images, where results are of them")
    parser.add_argument(
        "--from-mlflow",
        nargs="?",
        const="",
        metavar="URI",
        help="read MLflow instead of result files (default: the folder's mirror)",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from reports.studies import load_evidence

    if options.from_mlflow is None:
        evidence = load_evidence(options.results, [str(options.data_dir.absolute())] if options.data_dir else ())
    else:
        from reports.from_mlflow import load_mirrored

        evidence = load_mirrored(options.results, options.from_mlflow)
    output = options.output or _own_folder(options.results)
    for line in build(evidence, output):
        print(line)
    print(f"report   {output.resolve()}")
    return 0


def _own_folder(results: Path) -> Path:
    """The folder ``report`` in that of the results. Raises UsageError where a link leads out of it."""
    output = results / "report"
    for path in (output, *output.rglob("*")):
        if path.is_symlink() and not path.resolve().is_relative_to(results.resolve()):
            raise UsageError(f"{path}: a link that leads out of {results}: remove it, or name another folder with --output")
    return output


def build(evidence: Sequence[Evidence], output: Path) -> list[str]:
    """Write every table of the evidence, and the page with figures and images.

    Args:
        evidence: finished cells.
        output: folder to write to; files of the same name are replaced.

    Returns:
        A line per study with its claims' verdicts.

    Raises:
        UsageError: there is no evaluation, or the folder cannot be written.
    """
    from benchmarks.core.files import write_text
    from reports.grid import to_html, to_latex, to_markdown
    from reports.grids import tables, to_csv
    from reports.page import write_page
    from reports.reported import load_paper
    from reports.studies import make_studies

    studies = make_studies(evidence)
    if not studies:
        raise UsageError(f"{output}: not written: no finished evaluation among {len(evidence)} results: run benchmarks.run first")
    found = [(study, tables(study)) for study in studies]
    paper = load_paper()
    chapters = [_chapter(paper, study, kinds) for study, kinds in found]
    grids = {grid.name: grid for chapter in chapters for grid in chapter.grids.values()}
    for name, grid in grids.items():
        for ending, write in (("md", to_markdown), ("tex", to_latex), ("html", to_html)):
            write_text(output / "tables" / f"{name}.{ending}", write(grid))
    inputs = "".join(f"\\input{{tables/{name}.tex}}\n\\clearpage\n" for name in grids)
    write_text(output / "tables.tex", f"{PREAMBLE}{inputs}\\end{{document}}\n")
    write_text(output / "tables.csv", to_csv(found))
    write_page(output, paper, chapters, evidence)
    return [_line(chapter) for chapter in chapters]


def _chapter(paper: Paper, study: Study, kinds: Mapping[str, Table]) -> Chapter:
    """A study with its verdicts and all its tables."""
    from reports.claims import judge
    from reports.grids import claims_grid, paper_grid, table_grid
    from reports.page import Chapter

    judgements = judge(paper, study)
    grids = {kind: table_grid(f"{study.name}-{kind}", table) for kind, table in kinds.items()}
    grids["paper"] = paper_grid(f"{study.name}-paper", paper, study, kinds["methods"])
    grids["claims"] = claims_grid(f"{study.name}-claims", paper, study, judgements)
    return Chapter(study, kinds, grids, judgements)


def _line(chapter: Chapter) -> str:
    """A study's verdicts."""
    from reports.claims import summary

    counts = ", ".join(f"{count} {verdict}" for verdict, count in summary(chapter.judgements).items())
    return f"{chapter.study.name}: claims: {counts}"


if __name__ == "__main__":
    sys.exit(main())
