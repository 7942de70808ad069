"""``python -m reports.reference_results``: tables and findings of README.md and docs/results.md, from committed results."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.command import Parser, end_process, named_path, run_command
from benchmarks.core.errors import BenchmarkError, UsageError

if TYPE_CHECKING:
    from reports.chapters import Chapter

EXAMPLES = """\
examples:
  python -m reports.reference_results                              rewrite README.md and docs/results.md from reports/reference/
  python -m reports.reference_results --check                      whether both say what the reference results say
  python -m reports.reference_results --add runs --name bfloat16   the result files of runs/ become reports/reference/bfloat16

A set of reference results is a folder of result files, without weights and images. The README shows the set demo-bfloat16.

exit codes: 0 written or up to date, 1 --check found other texts, 2 wrong use
"""
ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).parent / "reference"
PAGE = ROOT / "docs" / "results.md"
README = ROOT / "README.md"
COMMAND = "python -m reports.reference_results"
HEADLINE = f"{COMMAND}: headline"  # the part of the README's first lines


def make_parser() -> Parser:
    """The command line."""
    about = "Write the tables and findings of README.md and docs/results.md from committed result files."
    parser = Parser("python -m reports.reference_results", about, EXAMPLES)
    parser.add_argument("--check", action="store_true", help="compare both files with the reference results; write nothing")
    parser.add_argument("--add", type=named_path, metavar="DIR", help="results folder of a run, to copy result files from")
    parser.add_argument("--name", metavar="NAME", help="name of the set of reference results that --add replaces")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.core.files import write_text
    from reports.findings import chapters_by_set, results_page

    if bool(options.add) != bool(options.name):
        raise UsageError("--add and --name need each other")
    if options.add and options.check:
        raise UsageError("--check writes nothing: leave out --add")
    if options.add:
        _add(options.add, options.name)
    sets = chapters_by_set(FOLDER)
    texts = {PAGE: results_page(sets), README: _readme(README.read_text(encoding="utf-8"), sets)}
    for path, text in texts.items():
        if not options.check:
            write_text(path, text)
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            raise BenchmarkError(f"{path}: not what {FOLDER} says: run python -m reports.reference_results")
    print("up to date" if options.check else f"written: {', '.join(map(str, texts))}")
    return 0


def _add(results: Path, name: str) -> None:
    """Copy the result files of a results folder to a set of reference results, in place of its present files."""
    from benchmarks.core.files import write_text
    from benchmarks.core.text import counted
    from benchmarks.data.matching import some
    from benchmarks.results.files import read_result, with_digest
    from benchmarks.results.layout import CELLS, RESULT, result_files

    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise UsageError(f"--name {name}: lower-case letters, digits and hyphens")
    sources = result_files(results)
    if not sources:
        raise UsageError(f"--add {results}: no results here: give the folder of a run")
    unverified = [source for source in sources if not read_result(source).content_digest]  # refuses what was changed by hand
    if unverified:
        number = counted(len(unverified), "result")
        print(f"{number} of an earlier version, without a digest of the content: unverified, and given one now", file=sys.stderr)
    contents = {source: json.loads(source.read_text(encoding="utf-8")) for source in sources}
    if dirty := [source.parent.name for source, result in contents.items() if result.get("git", {}).get("dirty")]:
        mend = "compute them again from a clean checkout"
        raise UsageError(f"--add {results}: computed with uncommitted changes: {some(dirty)}: {mend}")
    for stale in result_files(FOLDER / name):
        stale.unlink()
        stale.parent.rmdir()
    for source, result in contents.items():
        result.setdefault("environment", {})["host"] = ""  # the name of a private machine says nothing of numbers
        text = json.dumps(with_digest(result), indent=1, ensure_ascii=False)
        write_text(FOLDER / name / CELLS / source.parent.name / RESULT, f"{text}\n")


def _readme(text: str, sets: Mapping[str, Sequence[Chapter]]) -> str:
    """The README with its headline and its part on results. Raises UsageError if it lacks the marks."""
    from benchmarks.core.blocks import with_block
    from reports.findings import headline, readme_block

    return with_block(with_block(text, HEADLINE, headline(sets), str(README)), COMMAND, readme_block(sets), str(README))


if __name__ == "__main__":
    end_process(main())
