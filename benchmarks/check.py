"""``python -m benchmarks.check``: measure a profile, and compare its scores with the reference."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.command import Parser, end_process, named_path, run_command
from benchmarks.core.errors import BenchmarkError, UsageError, missing_prerequisite
from benchmarks.core.paths import IS_INSTALLED

if TYPE_CHECKING:
    from benchmarks.execution.workspace import Workspace
    from benchmarks.planning.cells import Cell
    from benchmarks.regression.reference import Measured, Reference
    from benchmarks.regression.report import Report
    from benchmarks.results.record import EvaluationResult

EXAMPLES = """\
examples:
  python -m benchmarks.check                              run the smoke profile (two minutes), compare it with its reference
  python -m benchmarks.check --results runs               the same with the results of python -m benchmarks.run in runs
  python -m benchmarks.check --junit gate.xml --summary gate.md
  python -m benchmarks.check --update --reason "EDSR: residual scaling" && git add benchmarks/regression/reference_scores
  python -m benchmarks.check --update --reason "new machine" --results runs --variation runs-float32 --variation runs-threads1
  python -m benchmarks.check --update --reason "an AMD EPYC" --keep-scores --variation runs-from-there

A cell is one training of a stage, or one evaluation of a method on a data set.

exit codes: 0 no regression (better is reported), 1 regression (a number is worse, or has moved where nothing is trained) or
changed scores under an unchanged cell id, 2 nothing measured is worse, but something could not be measured or compared, or wrong
use, 130 or 143 stopped by Ctrl-C or SIGTERM
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m benchmarks.check", "Compare a profile's scores with its committed reference scores.", EXAMPLES)
    parser.add_argument("--profile", default="smoke", metavar="NAME", help="the profile to measure (default: smoke)")
    parser.add_argument(
        "--results", type=named_path, metavar="DIR", help="take the finished cells of this results folder; run nothing"
    )
    parser.add_argument(
        "--reference", type=named_path, metavar="FILE", help="default: benchmarks/regression/reference_scores/<profile>.json"
    )
    show = parser.add_argument_group("show")
    show.add_argument("--verbose", action="store_true", help="show all columns, also those within the threshold")
    show.add_argument(
        "--junit", type=named_path, metavar="FILE", help="write JUnit XML: one test case per method, protocol and metric"
    )
    show.add_argument("--summary", type=named_path, metavar="FILE", help="write Markdown; GitHub's step summary gets it anyway")
    update = parser.add_argument_group("make a new reference")
    update.add_argument("--update", action="store_true", help="write the measured scores as the reference, and say what changed")
    update.add_argument("--reason", metavar="TEXT", help="why; it is kept in the reference")
    update.add_argument(
        "--variation",
        action="append",
        type=named_path,
        default=[],
        metavar="DIR",
        help="results folder of the same profile on another machine or with other settings; tolerances are widened to cover it; "
        "repeatable",
    )
    update.add_argument("--keep-scores", action="store_true", help="measure no scores: only widen tolerances by --variation")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    kept: list[Path] = []
    return run_command(make_parser(), arguments, lambda options: _dispatch(options, kept), lambda options: _interrupted(kept))


def _interrupted(kept: Sequence[Path]) -> str:
    return f"finished cells and checkpoints are kept in {kept[0]}" if kept else "nothing was written"


def _dispatch(options: argparse.Namespace, kept: list[Path]) -> int:
    from benchmarks.core.files import check_writable

    _refuse_contradictions(options)
    for path in filter(None, (options.junit, options.summary)):  # before minutes are spent on a verdict that nobody could read
        if path.is_dir():
            raise UsageError(f"{path}: is a folder: name a file")
        check_writable(path)
    try:
        code = (_update if options.update else _compare)(options, kept)
    except UsageError:
        _say_kept(kept)
        raise
    except Exception as error:  # a defect of the gate is no regression, so the exit code must not be 1
        _say_kept(kept)
        if isinstance(error, BenchmarkError):
            raise UsageError(str(error)) from error
        if missing := missing_prerequisite(error):
            raise missing from error
        traceback.print_exc()
        return UsageError.exit_code
    if code == 0:
        for folder in kept:
            shutil.rmtree(folder, ignore_errors=True)
    else:
        _say_kept(kept)
    return code


def _say_kept(kept: Sequence[Path]) -> None:
    for folder in kept:
        print(f"results are kept in {folder}", file=sys.stderr)


def _compare(options: argparse.Namespace, kept: list[Path]) -> int:
    from benchmarks.regression.report import Report

    path = _reference_path(options)
    try:
        report = _check(options, path, kept)
    except UsageError as error:
        _write_files(options, Report(options.profile, str(path), problem=" ".join(str(error).split())))
        raise
    _print(report, everything=options.verbose)
    _write_files(options, report)
    return report.exit_code


def _refuse_contradictions(options: argparse.Namespace) -> None:
    from benchmarks.results.layout import CELLS

    if options.update and not (options.reason or "").strip():
        raise UsageError("--update: say why with --reason TEXT; it is kept in the reference")
    if options.update and not options.reference and IS_INSTALLED:
        raise UsageError("--update: the reference of an installed package is not yours: name a file with --reference FILE")
    if options.update and (options.junit or options.summary):
        raise UsageError("--update compares nothing: leave --junit and --summary out")
    if not options.update and (options.reason is not None or options.variation or options.keep_scores):
        raise UsageError("--reason, --variation and --keep-scores need --update")
    if options.keep_scores and not options.variation:
        raise UsageError("--keep-scores needs --variation DIR")
    if options.keep_scores and options.results is not None:
        raise UsageError("--keep-scores measures no scores: leave --results out")
    if options.results is not None and not (options.results / CELLS).is_dir():
        raise UsageError(f"--results {options.results}: no results there: give the folder that python -m benchmarks.run wrote")


def _reference_path(options: argparse.Namespace) -> Path:
    from benchmarks.regression.reference import default_path

    return options.reference or default_path(options.profile)


def _check(options: argparse.Namespace, path: Path, kept: list[Path]) -> Report:
    from benchmarks.regression.reference import mismatches, read_reference
    from benchmarks.regression.report import Report
    from benchmarks.regression.uncovered_changes import find_uncovered_changes
    from benchmarks.regression.verdicts import compare_with_reference

    cells = _evaluations(options.profile)
    reference = read_reference(path, options.profile)
    if reasons := mismatches(reference, cells):
        mend = "restore the reference's protocols, metrics and data, or make a new reference with --update"
        raise UsageError(f"not comparable with {path}: {'; '.join(reasons)}: {mend}")
    compare_with_reference(reference, {})  # refuses a reference that nothing could fail, before minutes are spent
    measured = _measure(options, cells, kept)
    origin = f"{path}, {reference.date}, {(reference.commit or 'commit unknown')[:12]}: {reference.reason}"
    return Report(
        options.profile,
        origin,
        compare_with_reference(reference, measured),
        find_uncovered_changes(reference, measured),
        notes=[*_unreferenced(reference, measured), *_other_environment(reference, measured), *_unknown_commits(measured)],
    )


def _evaluations(profile: str) -> list[Cell]:
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.planning.plan import make_plan

    return [cell for cell in make_plan(load_profile(profile)) if cell.kind == "evaluate"]


def _measure(options: argparse.Namespace, cells: Sequence[Cell], kept: list[Path]) -> Measured:
    """Results of this very code, or reasons why there are none, by method, data set and seed."""
    from benchmarks.execution.workspace import Workspace

    root, failures = options.results, dict[str, str]()
    if root is None:
        root = Path(tempfile.mkdtemp(prefix="cincgan-check-"))
        kept.append(root)
        failures = _run(options.profile, root)
    workspace = Workspace(root)
    return {(cell.label, cell.dataset, cell.seed): _result(cell, workspace, failures) for cell in cells}


def _run(profile: str, root: Path) -> dict[str, str]:
    """Run a profile in a process of its own, so that a crash is not taken for a verdict. Returns reasons of failures by cell."""
    from benchmarks.core.paths import ROOT

    line = [sys.executable, "-m", "benchmarks.run", "--all", "--profile", profile, "--output", str(root), "--json"]
    # without the user's MLflow: a check is no experiment
    env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(line, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - no input of others
    try:
        failures: dict[str, str] = json.loads(done.stdout)["failures"]
    except (ValueError, KeyError):
        print(f"python -m benchmarks.run ended with exit code {done.returncode}, without results", file=sys.stderr)
        return {}
    return failures


def _result(cell: Cell, workspace: Workspace, failures: Mapping[str, str]) -> EvaluationResult | str:
    from benchmarks.results.layout import CELLS, RESULT, cell_folder_name
    from benchmarks.results.record import EvaluationResult, weights_digests

    try:
        result = workspace.read(cell)
        digests = weights_digests(filter(None, map(workspace.read, cell.needs.values())))
    except UsageError as error:
        return str(error)
    if result and (stages := result.replaced_weights(digests)):
        return f"{', '.join(stages)} has other weights now than those that were scored: run it again in {workspace.root}"
    if isinstance(result, EvaluationResult):
        return f"diverged: {result.diagnosis}" if result.has_diverged else result
    if cell.id in failures:
        return failures[cell.id]
    others = any(workspace.root.glob(f"{CELLS}/{cell_folder_name(cell.kind, cell.label, cell.dataset, None, '*')}/{RESULT}"))
    return f"{'only results of other code or settings' if others else 'no finished result'} in {workspace.root}"


def _unreferenced(reference: Reference, measured: Measured) -> list[str]:
    """A line about measured methods that the reference does not have."""
    stored_keys = {entry.key for entry in reference.entries}
    names = dict.fromkeys(method for method, *_ in measured.keys() - stored_keys)
    return [f"not in the reference, so not checked: {', '.join(sorted(names))}: --update adds it"] if names else []


def _other_environment(reference: Reference, measured: Measured) -> list[str]:
    """A line about differences between the environment and the reference's."""
    from benchmarks.results.provenance import differences

    results = [result for result in measured.values() if not isinstance(result, str)]
    if not results:
        return []
    new = max(results, key=lambda result: result.finished_at).environment
    texts = differences(reference.environment, new)
    return [f"another environment than the reference's: {', '.join(texts)}"] if texts else []


def _unknown_commits(measured: Measured) -> list[str]:
    """A line for each reason why the commit of the measured code is unknown."""
    reasons = {result.git.unknown for result in measured.values() if not isinstance(result, str)} - {""}
    return [f"the measured commit, or whether files differ from it, is unknown: {reason}" for reason in sorted(reasons)]


def _print(report: Report, *, everything: bool) -> None:
    from rich.console import Console

    from benchmarks.regression.report import advice, to_rich, uncovered_changes, unmeasured

    console = Console(width=max(Console().width, 150), highlight=False, markup=False, emoji=False)
    table = to_rich(report, everything=everything)
    if table is not None:
        console.print(table)
    lines = (*uncovered_changes(report), *unmeasured(report), *report.notes, *advice(report))
    for line in (*lines, f"reference {report.reference}", report.outcome()):
        console.print(line, soft_wrap=True)


def _write_files(options: argparse.Namespace, report: Report) -> None:
    from benchmarks.core.files import write_text
    from benchmarks.regression.report import to_junit, to_markdown

    if options.junit:
        write_text(options.junit, to_junit(report))
    if options.summary:
        write_text(options.summary, to_markdown(report))
    if github := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(github).open("a", encoding="utf-8") as file:  # other steps write there too
                file.write(to_markdown(report))
        except OSError as error:
            print(f"GITHUB_STEP_SUMMARY {github}: cannot be written ({error.strerror})", file=sys.stderr)


def _update(options: argparse.Namespace, kept: list[Path]) -> int:
    from benchmarks.regression.reference import read_reference
    from benchmarks.regression.update import keep_tolerances, make_reference, measure_tolerances
    from benchmarks.regression.verdicts import compare_with_reference

    path = _reference_path(options)
    if options.keep_scores:
        return _widen(options, path)
    cells = _evaluations(options.profile)
    try:
        old = read_reference(path, options.profile)
    except UsageError as error:
        old = None
        print(f"the old reference cannot be read and is replaced, without its tolerances: {' '.join(str(error).split())}")
    measured = _measure(options, cells, kept)
    results = [(cell, _complete(cell, measured[cell.label, cell.dataset, cell.seed])) for cell in cells]
    new = make_reference(options.profile, options.reason.strip(), _today(), results)
    new = measure_tolerances(new, options.variation) if options.variation else keep_tolerances(new, old) if old else new
    compare_with_reference(new, {})  # refuses a reference that nothing could fail
    return _write(path, old, new, [*_uncovered(old, measured), *_unknown_commits(measured)])


def _widen(options: argparse.Namespace, path: Path) -> int:
    from benchmarks.regression.reference import read_reference
    from benchmarks.regression.update import measure_tolerances

    old = read_reference(path, options.profile)
    reason = f"{old.reason}; tolerances {_today()}: {options.reason.strip()}"
    return _write(path, old, replace(measure_tolerances(old, options.variation), reason=reason))


def _today() -> str:
    return f"{datetime.now(timezone.utc):%Y-%m-%d}"


def _uncovered(old: Reference | None, measured: Measured) -> list[str]:
    """A line about each cell that has other scores under the same id: an update would hide it."""
    from benchmarks.regression.uncovered_changes import VERDICT, find_uncovered_changes

    return [f"{VERDICT}: {change.method}: {change.sentence()}" for change in find_uncovered_changes(old, measured)] if old else []


def _write(path: Path, old: Reference | None, new: Reference, notes: Sequence[str] = ()) -> int:
    """Write a reference and print notes and its changes."""
    from benchmarks.regression.reference import write_reference
    from benchmarks.regression.update import changes

    write_reference(path, new)
    for line in (*notes, *(changes(old, new) if old else ())):
        print(line)
    print(f"written: {path}")
    return 0


def _complete(cell: Cell, result: EvaluationResult | str) -> EvaluationResult:
    """The result, if it has all its metrics. Raises UsageError otherwise: a reference is complete."""
    missing = result if isinstance(result, str) else "; ".join(result.missing.values())
    if isinstance(result, str) or missing:
        raise UsageError(f"{cell}: {missing}: the reference is left as it was")
    return result


if __name__ == "__main__":
    end_process(main())
