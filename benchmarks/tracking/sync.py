"""Comparison of result files with MLflow, which gets what it lacks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.core.errors import UsageError
from benchmarks.core.step_progress import StepProgress
from benchmarks.results.files import read_result
from benchmarks.results.layout import RESULT
from benchmarks.results.provenance import git
from benchmarks.tracking.entry import Entry, make_entry, mirrored_files, read_note, write_note
from benchmarks.tracking.session import Session, sqlite_file
from benchmarks.tracking.tracker import (
    CLOSING,
    CLOSING_INTERRUPTED,
    GIVE_UP_AFTER,
    PATIENCE,
    Patience,
    reason,
    without_password,
)

DONE = {"mirrored": "mirrored", "uploaded": "lost artifacts stored again", "noted": "noted beside the result"}
TO_DO = {"mirrored": "to be mirrored", "uploaded": "lost artifacts to be stored again", "noted": "to be noted beside the result"}


class Sync:
    """One comparison of a results folder with MLflow.

    Args:
        root: the folder, whose workspace the caller has locked unless it only looks.
        uri: of the tracking server or database.
        look_only: change nothing.

    Attributes:
        found: by the name of a cell's folder, what was done, or would be: ``synced``, ``mirrored``, ``uploaded`` or ``noted``.
        failed: likewise, why it is not mirrored.
        closed: runs that killed processes had left open.
    """

    def __init__(self, root: Path, uri: str, *, look_only: bool) -> None:
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
        with StepProgress("mirroring") as progress:

            def say(text: str) -> None:
                progress.console.print(text, soft_wrap=True)

            entries = self._read(folders, say)
            session = self._open(len(entries)) if entries else None
            status = "KILLED"
            try:
                for number, (folder, entry) in enumerate(entries.items(), start=1):
                    self._sync(session, folder, entry, say)
                    progress.update(number, len(entries), {})
                status = "FAILED" if self.failed else "FINISHED"
            finally:
                self._close(session, status, say)

    def _read(self, folders: Sequence[Path], say: Callable[[str], None]) -> dict[Path, Entry]:
        """The results as MLflow will have them; those that cannot be read have failed."""
        entries = {}
        for folder in folders:
            try:
                entries[folder] = make_entry(read_result(folder / RESULT))
            except (UsageError, ValueError) as error:
                self._fail(folder, str(error), say)
        return entries

    def _open(self, cells: int) -> Session | None:
        """The connection; None where there is nothing yet to look at."""
        database = sqlite_file(self._uri)
        if self._look_only and database and not (database.exists() and (database.is_dir() or database.stat().st_size)):
            return None
        invocation = {"profile": "sync", "results": str(self._root), "cells": cells, "git": asdict(git())}
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

    def _sync(self, session: Session | None, folder: Path, entry: Entry, say: Callable[[str], None]) -> None:

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
        if what != "synced":
            say(f"{folder.name}: {(TO_DO if self._look_only else DONE)[what]}")

    def _bring(self, session: Session | None, folder: Path, entry: Entry) -> str:
        """Do for one cell what is to be done, or only find out. Returns which."""
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
        return "uploaded" if lost else "synced" if is_noted else "noted"

    def _close(self, session: Session | None, status: str, say: Callable[[str], None]) -> None:

        if session is None:
            return
        most = CLOSING_INTERRUPTED if status == "KILLED" else PATIENCE
        try:
            self._patience.run(lambda: session.close_parent(status), minimum=CLOSING, maximum=most)
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
            head = f"not synced: {len(self.failed)} of {total} cells are not mirrored"
        elif self._look_only and parts:
            head = f"not synced: {total - counts['synced']} of {total} cells differ"
        else:
            head = f"synced: {total} cells"
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
