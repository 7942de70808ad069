"""``python -m benchmarks.sync``: synchronise MLflow with the result files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.core.command import Parser, end_process, named_path, run_command
from benchmarks.core.errors import UsageError

EXAMPLES = """\
examples:
  python -m benchmarks.sync                                mirror the results in runs/ that MLflow lacks
  python -m benchmarks.sync --results runs --dry-run       say what would be done
  python -m benchmarks.sync --to http://tracking.example:5000
  python -m benchmarks.sync --results runs --to sqlite:////srv/mlflow.db --json

Result files are the truth and are only read; nothing is trained or scored, and torch is not needed. Runs that are missing, cut
off or deleted are mirrored anew, lost artifacts are stored again, runs that a killed process left open are closed, a deleted
experiment is brought back, and mlflow.json beside each result names its run. A second call changes nothing.

exit codes: 0 synced (with --dry-run: nothing failed), 1 some cells could not be mirrored, 2 wrong use, no results, or an address
that cannot be used, 130 or 143 stopped by Ctrl-C or SIGTERM
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m benchmarks.sync", "Synchronise MLflow with the result files.", EXAMPLES)
    parser.add_argument("--results", type=named_path, default=Path("runs"), metavar="DIR", help="results folder (default: runs)")
    parser.add_argument(
        "--to",
        metavar="URI",
        help="a tracking server or database (default: MLFLOW_TRACKING_URI, otherwise the folder's mlflow.db)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done; change nothing")
    parser.add_argument("--json", action="store_true", help="print JSON in place of text: the action for each cell")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(
        make_parser(),
        arguments,
        _dispatch,
        interrupted=lambda options: "mirrored cells stay mirrored; the same command goes on from there",
    )


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.execution.workspace import Workspace
    from benchmarks.results.layout import result_files
    from benchmarks.tracking.sync import Sync
    from benchmarks.tracking.tracker import tracking_uri

    if options.to == "":
        raise UsageError("--to is empty: name a tracking server or database, for example http://tracking.example:5000")
    workspace = Workspace(options.results)
    folders = [path.parent for path in result_files(workspace.root)]
    if not folders:
        raise UsageError(
            f"{options.results}: no results here: give the folder of a run, or run python -m benchmarks.run --all first"
        )
    sync = Sync(workspace.root, options.to or tracking_uri(workspace.root), dry_run=options.dry_run)
    if options.dry_run:
        sync.run(folders)
    else:
        workspace.check_writable()
        with workspace.locked():
            sync.run(folders)
    print(json.dumps(sync.to_json(), indent=1) if options.json else sync.summary())
    return 1 if sync.failures else 0


if __name__ == "__main__":
    end_process(main())
