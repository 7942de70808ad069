"""Failures of MLflow, kind by kind: the invocation goes on, says how many cells are not mirrored, and sync mends it later."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from benchmarks.sync import main as sync_main
from benchmarks.tracking import tracker as tracking
from benchmarks.tracking.session import EXPERIMENT
from benchmarks.tracking.tracker import Tracker
from tests.conftest import ROOT
from tests.helpers.flaky_server import answer, serving, wait_for
from tests.helpers.mlflow_cells import (
    all_runs,
    client_of,
    contents,
    forget,
    make_result,
    make_tracker,
    mirror,
    notes,
    states,
    unprivileged,
)

CELLS = 6
BOUND = 90.0  # seconds that an invocation may take on a loaded machine

Breaking = Callable[[Path], object]


def go_through(output: Path, before: Breaking | None = None, midway: Breaking | None = None) -> tuple[Tracker, list[str]]:
    """One invocation with six cells; something may break before it, or after two of them."""
    warnings: list[str] = []
    if before:
        before(output)
    started = time.monotonic()
    with make_tracker(output, warnings.append) as tracker:
        for number in range(CELLS):
            if midway and number == 2:
                midway(output)
            mirror(tracker, output, make_result(f"{number:016x}"))
    assert time.monotonic() - started < BOUND
    assert all("\n" not in line for line in warnings)
    return tracker, warnings


def is_reported(warnings: list[str], output: Path, lacking: int, *phrases: str) -> bool:
    """One line at the first failure, one at the end: the number of cells, and the command that mends it."""
    command = f"python -m benchmarks.sync --results {output} mirrors them"
    last = f"MLflow lacks {lacking} of {CELLS} cells, whose results are safe: {command}"
    return len(warnings) == 2 and warnings[1] == last and all(phrase in warnings[0] for phrase in phrases)


def sync(output: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """Synchronise MLflow, check that a second call changes nothing, and return the output of the first."""
    forget_connections()
    before = contents(output)
    capsys.readouterr()
    assert sync_main(["--results", str(output), *more]) == 0
    output_of_first = capsys.readouterr().out
    assert sync_main(["--results", str(output), *more]) == 0
    assert capsys.readouterr().out == f"synced: {CELLS} cells\n"
    whole = [run for run in all_runs(output)[1] if run.info.status == "FINISHED"]
    assert len({run.data.tags["cell_id"] for run in whole}) == len(whole) == CELLS
    assert {run.info.run_id for run in whole} == set(notes(output).values())
    assert contents(output) == before
    return output_of_first


def forget_connections() -> None:
    """Drop MLflow's open connections, as in a new process."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking._tracking_service.utils import _tracking_store_registry

    SqlAlchemyStore._engine_map.clear()
    _tracking_store_registry._get_store_with_resolved_uri.cache_clear()


def other_schema(output: Path) -> None:
    with closing(sqlite3.connect(output / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")


def other_tables(output: Path) -> None:
    other_schema(output)
    with closing(sqlite3.connect(output / "mlflow.db")) as database, database:
        database.execute("DROP TABLE params")


def scramble(start: int) -> Breaking:
    def change(output: Path) -> None:
        content = bytearray((output / "mlflow.db").read_bytes())
        content[start:] = bytes(byte ^ 0x55 for byte in content[start:])
        (output / "mlflow.db").write_bytes(content)

    return change


def cut(output: Path) -> None:
    os.truncate(output / "mlflow.db", (output / "mlflow.db").stat().st_size // 2)


def folder_in_its_place(output: Path) -> None:
    (output / "mlflow.db").unlink()
    (output / "mlflow.db").mkdir()


NEWER, REBUILD = "another MLflow version's: upgrade MLflow", "sync writes a new one"
BROKEN_DATABASES: dict[str, tuple[Breaking, str]] = {
    "newer schema": (other_schema, NEWER),
    "newer schema with other tables": (other_tables, NEWER),
    "no database": (scramble(0), REBUILD),
    "damaged pages": (scramble(3 * 4096), REBUILD),
    "cut off": (cut, REBUILD),
    "a folder": (folder_in_its_place, "unable to open database file"),
}


@pytest.mark.parametrize("name", BROKEN_DATABASES)
def test_a_database_that_cannot_be_used(
    output: Path, mlflow_database: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, phrase = BROKEN_DATABASES[name]
    tracker, warnings = go_through(output, damage)
    assert is_reported(warnings, output, CELLS, phrase) and len(tracker.failures) == 1
    assert sync_main(["--results", str(output)]) == 2
    assert phrase in capsys.readouterr().err
    (output / "mlflow.db").rename(output / "broken.db")
    shutil.copy(mlflow_database, output / "mlflow.db")
    assert sync(output, capsys) == f"synced: {CELLS} cells ({CELLS} mirrored)\n"


def delete_parent(output: Path) -> None:
    client_of(output).delete_run(all_runs(output)[0][0].info.run_id)


def forget_parent(output: Path) -> None:
    forget(output, all_runs(output)[0][0].info.run_id)


@pytest.mark.parametrize("remove", [delete_parent, forget_parent])
def test_the_invocation_s_run_is_deleted_underneath(output: Path, remove: Breaking, capsys: pytest.CaptureFixture[str]) -> None:
    _, warnings = go_through(output, midway=remove)
    assert len(warnings) == 1 and "closing the run" in warnings[0], "no cell is missing"
    assert sync(output, capsys) == f"synced: {CELLS} cells\n"


@pytest.mark.parametrize("for_good", [False, True])
def test_a_mirrored_run_is_deleted_underneath(output: Path, for_good: bool, capsys: pytest.CaptureFixture[str]) -> None:
    def remove(output: Path) -> None:
        run_id = all_runs(output)[1][0].info.run_id
        forget(output, run_id) if for_good else client_of(output).delete_run(run_id)

    assert go_through(output, midway=remove)[1] == []
    assert sync(output, capsys) == f"synced: {CELLS} cells (1 mirrored)\n"


def test_the_experiment_is_deleted_underneath(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def remove(output: Path) -> None:
        client = client_of(output)
        client.delete_experiment(client.get_experiment_by_name(EXPERIMENT).experiment_id)

    _, warnings = go_through(output, midway=remove)
    assert is_reported(warnings, output, 4, "deleted")
    _, warnings = go_through(output)
    assert is_reported(warnings, output, CELLS, "was deleted: python -m benchmarks.sync brings it back")
    assert sync(output, capsys).startswith(f"synced: {CELLS} cells (4 mirrored")


def test_the_artifacts_are_gone(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert go_through(output, midway=lambda output: shutil.rmtree(output / "mlartifacts"))[1] == []
    assert sync(output, capsys) == f"synced: {CELLS} cells (2 lost artifacts stored again)\n"
    stored = {path.read_bytes() for path in output.glob("mlartifacts/*/artifacts/result.json")}
    assert stored == {path.read_bytes() for path in output.glob("cells/*/result.json")}


def test_a_file_in_place_of_the_artifacts(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, warnings = go_through(output, lambda output: (output / "mlartifacts").write_text(""))
    assert is_reported(warnings, output, CELLS, "NotADirectoryError")
    assert sync_main(["--results", str(output)]) == 1
    assert f"not synced: {CELLS} of {CELLS} cells not mirrored" in capsys.readouterr().out
    (output / "mlartifacts").unlink()
    sync(output, capsys)


def test_the_database_is_gone(output: Path, mlflow_database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, warnings = go_through(output, midway=lambda output: (output / "mlflow.db").unlink())
    assert is_reported(warnings, output, 4)
    shutil.copy(mlflow_database, output / "mlflow.db")
    sync(output, capsys)


def test_another_process_holds_the_database(
    output: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow itself would wait 20 seconds for every statement."""
    monkeypatch.setattr(tracking, "FAILURE_SECONDS", 8.0)
    monkeypatch.setattr(tracking, "CLOSING_SECONDS", 1.0)
    program = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
input()
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""
    line = [sys.executable, "-c", program, str(output / "mlflow.db")]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:

        def hold(output: Path) -> None:
            assert holder.stdin and holder.stdout
            holder.stdin.write(b"\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == b"held\n"

        _, warnings = go_through(output, midway=hold)
        assert is_reported(warnings, output, 4, "no answer in 8 s")
        holder.kill()
    monkeypatch.undo()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    wait_for(lambda: states(output).count("child FINISHED") == 3)  # the waiting thread goes on, and mirrors its cell
    assert sync(output, capsys) == f"synced: {CELLS} cells (3 mirrored, 1 mlflow.json rewritten)\n"


@pytest.mark.parametrize("place", ["mlflow.db", "mlartifacts"])
@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_read_only(output: Path, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a process for which permissions count even if it is root's."""
    (output / "mlartifacts").mkdir()
    (output / place).chmod(0o555)
    program = (
        "import sys; from pathlib import Path; from tests.helpers.mlflow_cells import mirror_all; "
        f"mirror_all(Path(sys.argv[1]), {CELLS}, print)"
    )
    line = [*unprivileged(), sys.executable, "-c", program, str(output)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert is_reported(done.stdout.splitlines(), output, CELLS, "readonly database" if place == "mlflow.db" else "Permission")
    (output / place).chmod(0o755)
    sync(output, capsys)


@contextmanager
def black_hole() -> Iterator[str]:
    """A port whose connections the kernel accepts and nobody answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def dripping() -> Iterator[str]:
    """A server that sends a byte at a time, so that no timeout of a read ends the wait."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while connection.send(b" "):
                    time.sleep(0.2)

        for _ in range(2):  # one connection of the tracker, one of sync
            Thread(target=drip, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def refusing() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"http://someone:secret@127.0.0.1:{port}"


@contextmanager
def failing() -> Iterator[str]:
    with serving(b"") as server:
        server.always = answer(500, b"no")
        yield server.url.removesuffix("/file.zip")


SERVERS = {
    "refused": (refusing, "Connection refused"),
    "never answers": (black_hole, "timed out"),
    "drips": (dripping, "no answer in 3 s"),
    "answers 500": (failing, "500"),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_cannot_be_used(
    output: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server, phrase = SERVERS[name]
    if name != "drips":
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr(tracking, "FAILURE_SECONDS", 3.0 if name == "drips" else 6.0)
    with server() as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        _, warnings = go_through(output)
        assert is_reported(warnings, output, CELLS, phrase) and "secret" not in warnings[0]
        assert sync_main(["--results", str(output)]) == 2
        assert phrase in (errors := capsys.readouterr().err) and errors.count("\n") == 1 and "secret" not in errors
    monkeypatch.undo()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    sync(output, capsys, "--to", f"sqlite:///{output / 'mlflow.db'}")


def test_a_note_never_names_the_run_of_an_earlier_result(output: Path) -> None:
    """A cell is computed again while MLflow is down: the run with the old numbers is not the new result's."""
    with make_tracker(output) as tracker:
        mirror(tracker, output, make_result("a" * 16))
        mirror(tracker, output, make_result("b" * 16))
    scramble(0)(output)
    forget_connections()
    with make_tracker(output, lambda line: None) as tracker:
        mirror(tracker, output, make_result("a" * 16, finished_at="2026-11-25T12:00:00+00:00"))
        mirror(tracker, output, make_result("b" * 16))
    assert list(notes(output)) == [f"evaluate-{'b' * 16}"]
