"""``python -m benchmarks.sync``: bring MLflow level with the result files."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.command import Parser, named_path, run_command
from benchmarks.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.mlflow_entry import Entry
    from benchmarks.mlflow_session import Session

EXAMPLES = """\
examples:
  python -m benchmarks.sync                                what MLflow lacks of runs/ is mirrored
  python -m benchmarks.sync --results runs --dry-run       what would be done
  python -m benchmarks.sync --to http://tracking.example:5000
  python -m benchmarks.sync --results runs --to sqlite:////srv/mlflow.db --json

Result files are the truth and only read; nothing is trained or scored, and torch is not needed. Runs that are missing, cut off or
deleted are mirrored anew, lost artifacts are stored again, what a killed process left open is closed, a deleted experiment is
brought back, and mlflow.json beside each result names its run. Called again, it changes nothing.

exit codes: 0 level, 1 something could not be mirrored, 2 wrong use, no results or a useless address, 130 interrupted
"""
DONE = {"mirrored": "mirrored", "uploaded": "lost artifacts stored again", "noted": "noted beside the result"}
TO_DO = {"mirrored": "to be mirrored", "uploaded": "lost artifacts to be stored again", "noted": "to be noted beside the result"}


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m benchmarks.sync", "Bring MLflow level with the result files.", EXAMPLES)
    parser.add_argument("--results", type=named_path, default=Path("runs"), metavar="DIR", help="a run's folder (default: runs)")
    parser.add_argument(
        "--to", metavar="URI", help="a tracking server or database (default: MLFLOW_TRACKING_URI, else the folder's mlflow.db)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done; change nothing")
    parser.add_argument("--json", action="store_true", help="print what was done to each cell as plain data")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(
        make_parser(),
        arguments,
        _dispatch,
        interrupted=lambda options: "what is mirrored stays; the same command goes on from there",
    )


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.tracking import tracking_uri
    from benchmarks.workspace import Workspace

    if options.to == "":
        raise UsageError("--to is empty: name a tracking server or database, for example http://tracking.example:5000")
    workspace = Workspace(options.results)
    folders = sorted(path.parent for path in workspace.root.glob("cells/*/result.json"))
    if not folders:
        raise UsageError(
            f"{options.results}: no results here: give the folder of a run, or run python -m benchmarks.run --all first"
        )
    sync = Sync(workspace.root, options.to or tracking_uri(workspace.root), look_only=options.dry_run)
    if options.dry_run:
        sync.run(folders)
    else:
        workspace.check_writable()
        with workspace.locked():
            sync.run(folders)
    print(json.dumps(sync.to_json(), indent=1) if options.json else sync.summary())
    return 1 if sync.failed else 0


class Sync:
    """One comparison of a results folder with MLflow.

    Args:
        root: the folder, whose workspace the caller has locked unless it only looks.
        uri: of the tracking server or database.
        look_only: change nothing.

    Attributes:
        found: by the name of a cell's folder, what was done, or would be: ``level``, ``mirrored``, ``uploaded`` or ``noted``.
        failed: likewise, why it is not mirrored.
        closed: runs that killed processes had left open.
    """

    def __init__(self, root: Path, uri: str, *, look_only: bool) -> None:
        from benchmarks.tracking import Patience, without_password

        self.found: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.closed = 0
        self.address = without_password(uri)
        self._root, self._uri, self._look_only = root, uri, look_only
        self._patience, self._failed_in_a_row = Patience(), 0

    def run(self, folders: Sequence[Path]) -> None:
        """Compare, and mirror what MLflow lacks.

        Raises:
            UsageError: the address cannot be used.
        """
        from benchmarks.progress import CellProgress

        with CellProgress("mirroring") as progress:

            def say(text: str) -> None:
                progress.console.print(text, soft_wrap=True)

            entries = self._read(folders, say)
            session = self._open(len(entries)) if entries else None
            status = "KILLED"
            try:
                for number, (folder, entry) in enumerate(entries.items(), start=1):
                    self._level(session, folder, entry, say)
                    progress.update(number, len(entries), {})
                status = "FAILED" if self.failed else "FINISHED"
            finally:
                self._close(session, status, say)

    def _read(self, folders: Sequence[Path], say: Callable[[str], None]) -> dict[Path, Entry]:
        """The results as MLflow will have them; those that cannot be read have failed."""
        from benchmarks.mlflow_entry import make_entry
        from benchmarks.results import read_result

        entries = {}
        for folder in folders:
            try:
                entries[folder] = make_entry(read_result(folder / "result.json"))
            except (UsageError, ValueError) as error:
                self._fail(folder, str(error), say)
        return entries

    def _open(self, cells: int) -> Session | None:
        """The connection; None where there is nothing yet to look at."""
        from benchmarks.mlflow_session import Session, sqlite_file
        from benchmarks.provenance import git
        from benchmarks.tracking import reason

        database = sqlite_file(self._uri)
        if self._look_only and database and not (database.exists() and (database.is_dir() or database.stat().st_size)):
            return None
        invocation = {"profile": "sync", "results": str(self._root), "cells": cells, "git": git()}
        started, changes = time.time(), not self._look_only
        try:
            session = self._patience.run(
                lambda: Session(self._uri, self._root, invocation, started, restore=changes, look_only=not changes)
            )
            self.closed = self._patience.run(session.close_abandoned) if changes else len(session.abandoned)
        except Exception as error:  # whatever MLflow and its drivers raise
            hint = "check --to or MLFLOW_TRACKING_URI"
            raise UsageError(f"{self.address}: cannot be used ({reason(error)}): {hint}; results are safe") from error
        return session

    def _level(self, session: Session | None, folder: Path, entry: Entry, say: Callable[[str], None]) -> None:
        from benchmarks.tracking import GIVE_UP_AFTER, reason

        if self._failed_in_a_row >= GIVE_UP_AFTER or self._patience.left <= 0:
            self._fail(folder, "not tried, for MLflow failed before", say)
            return
        try:
            what = self._bring(session, folder, entry)
        except Exception as error:
            self._failed_in_a_row += 1
            self._fail(folder, reason(error), say)
            return
        self._failed_in_a_row = 0
        self.found[folder.name] = what
        if what != "level":
            say(f"{folder.name}: {(TO_DO if self._look_only else DONE)[what]}")

    def _bring(self, session: Session | None, folder: Path, entry: Entry) -> str:
        """Do for one cell what is to be done, or only find out. Returns which."""
        from benchmarks.mlflow_entry import mirrored_files, read_note, write_note

        files = mirrored_files(folder)
        run_id = session.mirrored.get(entry.key, "") if session else ""
        if session is None or not run_id:
            if session and not self._look_only:
                write_note(folder, entry, self._patience.run(lambda: session.add(entry, files)), self.address)
            return "mirrored"
        lost = self._patience.run(lambda: session.lost(run_id, files))
        is_noted = read_note(folder) == {"run_id": run_id, "uri": self.address, "finished_at": entry.key[1]}
        if not self._look_only:
            self._patience.run(lambda: session.upload(run_id, lost))
            write_note(folder, entry, run_id, self.address)
        return "uploaded" if lost else "level" if is_noted else "noted"

    def _close(self, session: Session | None, status: str, say: Callable[[str], None]) -> None:
        from benchmarks.tracking import CLOSING, CLOSING_INTERRUPTED, PATIENCE, reason

        if session is None:
            return
        most = CLOSING_INTERRUPTED if status == "KILLED" else PATIENCE
        try:
            self._patience.run(lambda: session.close_parent(status), at_least=CLOSING, at_most=most)
        except Exception as error:
            say(f"the run of this call stays open until the next: {reason(error)}")

    def _fail(self, folder: Path, why: str, say: Callable[[str], None]) -> None:
        self.failed[folder.name] = why
        say(f"{folder.name}: not mirrored: {' '.join(why.split())}")

    def summary(self) -> str:
        """The last line."""
        total, counts = len(self.found) + len(self.failed), Counter(self.found.values())
        words = TO_DO if self._look_only else DONE
        parts = [f"{counts[what]} {text}" for what, text in words.items() if counts[what]]
        if self.closed:
            parts.append(f"{self.closed} left open by a killed process {'to be ' if self._look_only else ''}closed")
        if self.failed:
            head = f"not level: {len(self.failed)} of {total} cells are not mirrored"
        elif self._look_only and parts:
            head = f"not level: {total - counts['level']} of {total} cells differ"
        else:
            head = f"level: {total} cells"
        return f"{head} ({', '.join(parts)})" if parts else head

    def to_json(self) -> Mapping[str, Any]:
        """Everything, as plain data."""
        return {
            "results": str(self._root),
            "tracker": self.address,
            "dry_run": self._look_only,
            "cells": self.found,
            "failed": self.failed,
            "closed": self.closed,
        }


if __name__ == "__main__":
    sys.exit(main())
