"""Synchronisation of MLflow with the result files."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.core.errors import UsageError
from benchmarks.core.progress.step_progress import StepProgress
from benchmarks.core.secrets import address_without_secrets
from benchmarks.core.text import counted
from benchmarks.results.files import read_result
from benchmarks.results.layout import RESULT
from benchmarks.results.provenance import git
from benchmarks.tracking.entry import Entry, make_entry, mirrored_files, read_note, write_note
from benchmarks.tracking.session import Session, sqlite_file
from benchmarks.tracking.tracker import (
    CLOSING_SECONDS,
    FAILURE_SECONDS,
    INTERRUPTED_SECONDS,
    MAX_FAILURES,
    FailureBudget,
    cause_and_remedy,
    reason,
)

SYNCED = "synced"
DONE = {"mirrored": "mirrored", "uploaded": "lost artifacts stored again", "noted": "mlflow.json rewritten"}
TO_DO = {"mirrored": "to be mirrored", "uploaded": "lost artifacts to be stored again", "noted": "mlflow.json to be rewritten"}


class Sync:
    """One synchronisation of MLflow with a results folder.

    Args:
        root: the results folder, whose lock the caller holds unless ``dry_run``.
        uri: address of the tracking server or database.
        dry_run: only find out what would be done; change nothing.

    Attributes:
        actions: by the name of a cell's folder: ``synced`` if nothing was to be done, otherwise ``mirrored``, ``uploaded`` (lost
            artifacts) or ``noted`` (``mlflow.json`` was missing or stale).
        failures: by the name of a cell's folder, why the cell is not mirrored.
        closed: number of runs that killed processes had left open.
        address: of the tracking server or database, without secrets.
    """

    def __init__(self, root: Path, uri: str, *, dry_run: bool) -> None:
        self.actions: dict[str, str] = {}
        self.failures: dict[str, str] = {}
        self.closed = 0
        self.address = address_without_secrets(uri)
        self._root, self._uri, self._dry_run = root, uri, dry_run
        self._budget, self._failures_in_a_row = FailureBudget(), 0

    def run(self, folders: Sequence[Path]) -> None:
        """Mirror the cells that MLflow lacks, and mend the mirrors of the others; progress goes to standard error.

        Args:
            folders: of the cells.

        Raises:
            UsageError: the tracking server or database cannot be used.
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
                status = "FAILED" if self.failures else "FINISHED"
            finally:
                self._close(session, status, say)

    def _read(self, folders: Sequence[Path], say: Callable[[str], None]) -> dict[Path, Entry]:
        """Results as MLflow entries, by cell's folder. Result files that cannot be read are failures."""
        entries = {}
        for folder in folders:
            try:
                entries[folder] = make_entry(read_result(folder / RESULT))
            except (UsageError, ValueError) as error:
                self._add_failure(folder, str(error), say)
        return entries

    def _open(self, cells: int) -> Session | None:
        """The connection; None in a dry run if there is no database yet."""
        database = sqlite_file(self._uri)
        if self._dry_run and database and not (database.exists() and (database.is_dir() or database.stat().st_size)):
            return None
        invocation = {"profile": "sync", "results": str(self._root), "cells": cells, "git": asdict(git())}
        started, changes = time.time(), not self._dry_run
        try:
            session = self._budget.run(
                lambda: Session(self._uri, self._root, invocation, started, restore=changes, read_only=not changes)
            )
            self.closed = self._budget.run(session.close_abandoned) if changes else len(session.abandoned)
        except Exception as error:  # MLflow and its database drivers may raise anything
            cause, remedy = cause_and_remedy(error, self._uri)
            hint = remedy or "check --to or MLFLOW_TRACKING_URI"
            raise UsageError(f"{self.address}: cannot be used ({cause}): {hint}; results are safe") from error
        return session

    def _sync(self, session: Session | None, folder: Path, entry: Entry, say: Callable[[str], None]) -> None:
        """Synchronise one cell, and record the action or the failure."""
        if self._failures_in_a_row >= MAX_FAILURES or self._budget.seconds <= 0:
            self._add_failure(folder, "not tried, for MLflow failed before", say)
            return
        try:
            action = self._act(session, folder, entry)
        except Exception as error:
            self._failures_in_a_row += 1
            self._add_failure(folder, reason(error, self._uri), say)
            return
        self._failures_in_a_row = 0
        self.actions[folder.name] = action
        if action != SYNCED:
            say(f"{folder.name}: {(TO_DO if self._dry_run else DONE)[action]}")

    def _act(self, session: Session | None, folder: Path, entry: Entry) -> str:
        """Synchronise one cell unless this is a dry run, and return the action."""
        files = mirrored_files(folder)
        run_id = session.mirrored.get(entry.key, "") if session else ""
        if session is None or not run_id:
            if session and not self._dry_run:
                write_note(folder, entry, self._budget.run(lambda: session.add(entry, files)), self.address)
            return "mirrored"
        lost = self._budget.run(lambda: session.lost_artifacts(run_id, files))
        is_noted = read_note(folder) == {"run_id": run_id, "uri": self.address, "finished_at": entry.key[1]}
        if not self._dry_run:
            self._budget.run(lambda: session.upload(run_id, lost))
            write_note(folder, entry, run_id, self.address)
        return "uploaded" if lost else SYNCED if is_noted else "noted"

    def _close(self, session: Session | None, status: str, say: Callable[[str], None]) -> None:
        """Close the parent run of this synchronisation, if there is one."""
        if session is None:
            return
        limit = INTERRUPTED_SECONDS if status == "KILLED" else FAILURE_SECONDS
        try:
            self._budget.run(lambda: session.close_parent(status), minimum=CLOSING_SECONDS, maximum=limit)
        except Exception as error:
            say(f"the MLflow run of this command stays open until the next one closes it: {reason(error, self._uri)}")

    def _add_failure(self, folder: Path, why: str, say: Callable[[str], None]) -> None:
        self.failures[folder.name] = why
        say(f"{folder.name}: not mirrored: {' '.join(why.split())}")

    def summary(self) -> str:
        """The last line of the command: ``synced`` or ``not synced``, and the number of cells by action."""
        total, counts = len(self.actions) + len(self.failures), Counter(self.actions.values())
        words = TO_DO if self._dry_run else DONE
        parts = [f"{counts[action]} {text}" for action, text in words.items() if counts[action]]
        if self.closed:
            runs = f"{counted(self.closed, 'unfinished MLflow run')} of killed processes"
            parts.append(f"{runs} {'to be ' if self._dry_run else ''}closed")
        cells = counted(total, "cell")
        if self.failures:
            head = f"not synced: {len(self.failures)} of {cells} not mirrored"
        elif self._dry_run and parts:
            head = f"not synced: changes in {total - counts[SYNCED]} of {cells}"
        else:
            head = f"synced: {cells}"
        return f"{head} ({', '.join(parts)})" if parts else head

    def to_json(self) -> Mapping[str, Any]:
        """Actions and failures as plain data."""
        return {
            "results": str(self._root),
            "tracker": self.address,
            "dry_run": self._dry_run,
            "cells": self.actions,
            "failed": self.failures,
            "closed": self.closed,
        }
