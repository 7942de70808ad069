"""``python -m reports.reference_results``: tables and findings of README.md and docs, from committed results."""

from __future__ import annotations

import argparse
import html
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.core.command import Parser, end_process, named_path, run_command
from benchmarks.core.errors import BenchmarkError, UsageError

if TYPE_CHECKING:
    from reports.chapters import Chapter
    from reports.designed.contrasts import Contrasts

EXAMPLES = """\
examples:
  python -m reports.reference_results                              rewrite README.md and pages of docs from reports/reference*
  python -m reports.reference_results --check                      whether they say what the reference results say; a line for
                                                                   each set whose code has changed since
  python -m reports.reference_results --add runs --name bfloat16   the result files of runs/ become reports/reference/bfloat16
  python -m reports.reference_results --add runs --study cincgan   those of run --study cincgan: docs/joint-stage.md, its figures

A set of reference results is a folder of result files, without weights and images. The README shows the set demo-bsd100.

exit codes: 0 written or up to date, 1 --check found other texts, 2 wrong use
"""
ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).parent / "reference"
STUDIES = Path(__file__).parent / "reference_studies"  # a folder for each method that has a designed study
PAGE = ROOT / "docs" / "results.md"
STUDY_PAGES = PAGE.parent
README = ROOT / "README.md"
NOTES = PAGE.parent / "reproduction-notes.md"
COMMAND = "python -m reports.reference_results"
HEADLINE = f"{COMMAND}: headline"  # the part of the README's first lines
ABLATION = f"{COMMAND}: ablation"  # the part of the reproduction notes


def make_parser() -> Parser:
    """The command line."""
    about = "Write the tables and findings of README.md and of pages in docs from committed result files."
    parser = Parser("python -m reports.reference_results", about, EXAMPLES)
    parser.add_argument("--check", action="store_true", help="compare these files with the reference results; write nothing")
    parser.add_argument("--add", type=named_path, metavar="DIR", help="results folder of a run, to copy result files from")
    parser.add_argument("--name", metavar="NAME", help="name of the set of reference results that --add replaces")
    parser.add_argument("--study", metavar="METHOD", help="method whose designed study's results --add replaces")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.catalog.studies import load_study
    from benchmarks.core.files import write_text
    from reports.changed_code import is_same
    from reports.designed.curves import draw_curves
    from reports.findings import chapters_by_set, results_page

    if bool(options.add) != (bool(options.name) != bool(options.study)):
        raise UsageError("--add needs --name or --study, and both need --add: give --add and one of them")
    if options.add and options.check:
        raise UsageError("--check writes nothing: leave out --add")
    if options.study:
        load_study(options.study)
    folder = STUDIES / options.study if options.study else FOLDER / _set_name(options.name) if options.name else None
    with _brought_back(folder):
        if options.add and folder:
            _add(options.add, folder)
        sets = chapters_by_set(FOLDER)
        pages, drawn = _studies()
        texts = {
            PAGE: results_page(sets),
            README: _readme(sets),
            NOTES: _notes(sets),
            **pages,
        }
    if options.check:
        for name, since in _since(sets).items():
            print(f"{name}: {since}")
        stale = [path for path, text in texts.items() if not path.exists() or not is_same(path.read_text(encoding="utf-8"), text)]
        for path in [*stale, *(path for path, contrasts in drawn.items() if not _shows(path, contrasts))]:
            raise BenchmarkError(f"{path}: not what {FOLDER} and {STUDIES} say: run python -m reports.reference_results")
    else:
        for path, text in {**texts, **{path: draw_curves(contrasts) for path, contrasts in drawn.items()}}.items():
            write_text(path, text)
    print("up to date" if options.check else f"written: {', '.join(map(str, (*texts, *drawn)))}")
    return 0


@contextmanager
def _brought_back(folder: Path | None) -> Iterator[None]:
    """Bring the present content of a folder back if the block fails: a set that no page can be made of replaces nothing."""
    with TemporaryDirectory() as aside:
        kept = Path(aside) / "kept"
        if folder and folder.is_dir():
            shutil.copytree(folder, kept)
        try:
            yield
        except BaseException:
            if folder:
                shutil.rmtree(folder, ignore_errors=True)
            if folder and kept.is_dir():
                shutil.copytree(kept, folder)
            raise


def _since(sets: Mapping[str, Sequence[Chapter]]) -> dict[str, str]:
    """Sentence on code that has changed since, by the name of the set or of the study's method; of those alone that have one."""
    from benchmarks.results.layout import result_files
    from reports.changed_code import changed_code
    from reports.studies import load_evidence

    studies = {path.name: load_evidence(path) for path in sorted(STUDIES.glob("*")) if result_files(path)}
    sentences = {name: chapters[0].since for name, chapters in sets.items() if chapters}
    sentences |= {name: changed_code([cell.result for cell in evidence]) for name, evidence in studies.items()}
    return {name: sentence for name, sentence in sentences.items() if sentence}


def _studies() -> tuple[dict[Path, str], dict[Path, Contrasts]]:
    """Pages of all designed studies, and comparisons that have a figure, by path."""
    from benchmarks.catalog.methods import methods
    from benchmarks.catalog.studies import load_study
    from benchmarks.results.layout import result_files
    from reports.designed.page import figures, load_contrasts, page

    pages: dict[Path, str] = {}
    drawn: dict[Path, Contrasts] = {}
    for name in (name for name, method in methods().items() if method.study):
        design = load_study(name)
        every = load_contrasts(design, STUDIES / name)
        if not every and result_files(STUDIES / name):
            needed = f"validation scores of its configurations: python -m benchmarks.run --study {name} computes them"
            raise UsageError(f"{STUDIES / name}: no results of the study, which are {needed}")
        pages[STUDY_PAGES / f"{design.page}.md"] = page(name, design, every, COMMAND)
        drawn |= {STUDY_PAGES / path: contrasts for path, contrasts in figures(every).items()}
    return pages, drawn


def _shows(path: Path, contrasts: Contrasts) -> bool:
    """True if a figure's description says what the comparisons do. Its lines may differ with the version of matplotlib."""
    from reports.designed.curves import describe_curves

    said = f"<dc:description>{html.escape(describe_curves(contrasts), quote=False)}</dc:description>"
    return path.exists() and said in path.read_text(encoding="utf-8")


def _set_name(name: str) -> str:
    """The name of a set of reference results. Raises UsageError for one that could lead elsewhere."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise UsageError(f"--name {name}: lower-case letters, digits and hyphens")
    return name


def _add(results: Path, folder: Path) -> None:
    """Copy the result files of a results folder to a folder of reference results, in place of its present files."""
    from benchmarks.core.files import write_text
    from benchmarks.data.matching import some
    from benchmarks.results.files import read_result, with_digest
    from benchmarks.results.layout import CELLS, RESULT, result_files

    sources = result_files(results)
    if not sources:
        raise UsageError(f"--add {results}: no results here: give the folder of a run")
    unverified = [source for source in sources if not read_result(source).content_digest]  # refuses what was changed by hand
    if unverified:
        names = some([source.parent.name for source in unverified])
        mend = "compute them again, or take them from a set of reference results that has them"
        raise UsageError(f"--add {results}: without a digest of their content, so that a change would not show: {names}: {mend}")
    contents = {source: json.loads(source.read_text(encoding="utf-8")) for source in sources}
    if dirty := [source.parent.name for source, result in contents.items() if result.get("git", {}).get("dirty")]:
        mend = "compute them again from a clean checkout"
        raise UsageError(f"--add {results}: computed with uncommitted changes: {some(dirty)}: {mend}")
    for stale in result_files(folder):
        stale.unlink()
        stale.parent.rmdir()
    for source, result in contents.items():
        result.setdefault("environment", {})["host"] = ""  # the name of a private machine says nothing of numbers
        text = json.dumps(with_digest(result), indent=1, ensure_ascii=False)
        write_text(folder / CELLS / source.parent.name / RESULT, f"{text}\n")


def _readme(sets: Mapping[str, Sequence[Chapter]]) -> str:
    """The README with its headline and its part on results. Raises UsageError if it lacks the marks."""
    from benchmarks.core.blocks import with_block
    from reports.findings import headline, readme_block

    text = with_block(README.read_text(encoding="utf-8"), HEADLINE, headline(sets), str(README))
    return with_block(text, COMMAND, readme_block(sets), str(README))


def _notes(sets: Mapping[str, Sequence[Chapter]]) -> str:
    """The reproduction notes with their part on the ablation. Raises UsageError if they lack the marks."""
    from benchmarks.core.blocks import with_block
    from reports.designed.ablation import ablation_block
    from reports.findings import SUBJECT

    return with_block(NOTES.read_text(encoding="utf-8"), ABLATION, ablation_block(SUBJECT, sets), str(NOTES))


if __name__ == "__main__":
    end_process(main())
