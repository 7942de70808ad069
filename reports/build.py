"""``python -m reports.build``: tables, verdicts and the page from result files alone; the same results give the same bytes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.command import Parser, end_process, named_path, refuse_file, refuse_inside, run_command
from benchmarks.core.errors import UsageError
from benchmarks.core.files import real_path
from benchmarks.core.text import counted

if TYPE_CHECKING:
    from reports.studies import FinishedCell

EXAMPLES = """\
examples:
  python -m reports.build                                    runs/ to runs/report/
  python -m reports.build --results runs --output report
  python -m reports.build --results runs --results submissions/mine --results theirs --output report     of several authors
  python -m reports.build --results runs --from-mlflow       the same tables out of the MLflow mirror of runs/
  python -m reports.build --from-mlflow http://tracking.example:5000 --output report

Writes index.html, which opens from disk: tables, verdicts, figures, images to compare, the origin of every number; beside it
leaderboard.html, in which methods that cannot be told apart share a rank, and
tables as Markdown, LaTeX (tables.tex compiles as it is) and HTML, and tables.csv with the cells and MLflow runs of every number.
Files that an earlier build wrote and this one does not are removed; your own files in the folder are kept, and one with the name
of a file of the report is refused before anything is written.
A paper is a file reports/papers/*.toml. Nothing is trained or scored, and torch is not needed.

exit codes: 0 built, 1 something failed, 2 wrong use or nothing to build from
"""
PREAMBLE = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[margin=1cm,landscape]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser(
        "python -m reports.build", "Build tables, verdicts on the claims of papers, and a page from finished results.", EXAMPLES
    )
    parser.add_argument(
        "--results",
        action="append",
        type=named_path,
        metavar="DIR",
        help="folder of a run or of submissions; give it again to merge folders (default: runs)",
    )
    parser.add_argument(
        "--output",
        type=named_path,
        metavar="DIR",
        help="folder for the report (default: report in the results folder; needed with several)",
    )
    parser.add_argument("--data-dir", type=named_path, metavar="DIR", help="folder of your own images, if results are of them")
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
    from benchmarks.execution.outcome import say
    from reports.sharing.merging import load_merged
    from reports.studies import without_replaced_weights

    results = _folders(options)
    if options.output:
        refuse_inside("--output", options.output, (options.data_dir,))
        refuse_file("--output", options.output)
        refuse_results_folder(options.output)
    if options.from_mlflow is None:
        evidence = load_merged(results, [str(options.data_dir.absolute())] if options.data_dir else (), say)
    else:
        from reports.from_mlflow import load_mirrored

        evidence = load_mirrored(results[0], options.from_mlflow)
    evidence, lines = without_replaced_weights(evidence)
    for line in lines:
        say(line)
    output = options.output or _own_folder(results[0])
    for line in build(evidence, output):
        print(line)
    print(f"report   {real_path(output)}")
    return 0


def _folders(options: argparse.Namespace) -> list[Path]:
    """The results folders. Raises UsageError for several without an output, with MLflow, or if one is given twice."""
    folders: list[Path] = options.results or [Path("runs")]
    if len(folders) > 1 and options.from_mlflow is not None:
        raise UsageError("--from-mlflow reads one mirror: give one --results DIR")
    if len(folders) > 1 and options.output is None:
        raise UsageError(f"--output is missing: name a folder for the report of {len(folders)} results folders")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UsageError("--results: the same folder is given twice: give it once")
    return folders


def refuse_results_folder(output: Path) -> None:
    """Raise UsageError if an output is a results folder, or lies in a folder of it that holds other files than reports."""
    from benchmarks.results.layout import CELLS, JOBS, MLFLOW_ARTIFACTS

    place = real_path(output)
    inside = [folder.parent for folder in (place, *place.parents) if folder.name in (CELLS, JOBS, MLFLOW_ARTIFACTS)]
    for folder in (place, *inside):
        if (folder / CELLS).is_dir():
            raise UsageError(f"--output {output}: {folder} has results of runs: name another folder, such as {folder / 'report'}")


def _own_folder(results: Path) -> Path:
    """The folder ``report`` in the results folder. Raises UsageError if a link in it leads out of the results folder."""
    output = results / "report"
    for path in (output, *output.rglob("*")):
        if path.is_symlink() and not real_path(path).is_relative_to(real_path(results)):
            raise UsageError(f"{path}: a link that leads out of {results}: remove it, or name another folder with --output")
    return output


def build(evidence: Sequence[FinishedCell], output: Path) -> list[str]:
    """Write every table of the evidence, and the page with figures and images.

    Args:
        evidence: finished cells.
        output: folder to write to; files that an earlier build wrote are replaced or removed.

    Returns:
        A line for each study and paper with the verdicts on the paper's claims.

    Raises:
        UsageError: there is no evaluation, a paper's file is invalid, the folder cannot be written, or
            has a file of the same name that no build wrote.
    """
    from reports.chapters import make_chapters
    from reports.formats import to_html, to_latex, to_markdown
    from reports.page.folder import ReportFolder
    from reports.page.leaderboard import PAGE as LEADERBOARD
    from reports.page.leaderboard import write_leaderboard
    from reports.page.writer import write_page
    from reports.paper import load_papers
    from reports.sharing.leaderboard import make_leaderboards
    from reports.tables import to_csv

    papers = list(load_papers().values())
    chapters = make_chapters(evidence, papers)
    if not chapters:
        raise UsageError(
            f"{output}: not written: no finished evaluation among {counted(len(evidence), 'result')}: run benchmarks.run first"
        )
    folder = ReportFolder(output)
    grids = {grid.name: grid for chapter in chapters for grid in chapter.all_grids()}
    for name, grid in grids.items():
        for ending, write in (("md", to_markdown), ("tex", to_latex), ("html", to_html)):
            folder.add_text(f"tables/{name}.{ending}", write(grid))
    inputs = "".join(f"\\input{{tables/{name}.tex}}\n\\clearpage\n" for name in grids)
    folder.add_text("tables.tex", f"{PREAMBLE}{inputs}\\end{{document}}\n")
    tables = [table for chapter in chapters for table in chapter.tables]
    folder.add_text("tables.csv", to_csv(tables, {cell.id: cell.mlflow for cell in evidence}))
    boards = make_leaderboards((chapter.study for chapter in chapters if chapter.study.is_of_run), papers)
    has_ranks = any(len(board.lines) > 1 for board in boards)
    write_page(folder, chapters, evidence, LEADERBOARD if has_ranks else "")
    if has_ranks:
        write_leaderboard(folder, boards, evidence, papers)
    folder.save()
    return [line for chapter in chapters for line in chapter.summaries()]


if __name__ == "__main__":
    end_process(main())
