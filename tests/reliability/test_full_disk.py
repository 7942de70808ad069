"""A disk that fills up, turns read-only or meets a quota during a run: one line, nothing lost, and the run goes on later."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.helpers.lives import SHORT, Command
from tests.helpers.witness import TEMPORARY, complete, look_at_the_end, parse_all

pytestmark = pytest.mark.train

MEGABYTES = 64
# Text in the path of the file whose opening for writing is the moment, and the number of openings until then
SAMPLE, RESULT, TABLE, REPORT = ("/samples/", 3), ("result.json", 1), ("table-smoke.csv", 1), ("/report/", 5)
CHECKPOINT, WEIGHTS, NOTE, BEGIN = ("checkpoint.pt", 2), ("weights.safetensors", 1), ("mlflow.json", 1), (".writable", 1)
DATABASE = (".mlflow.db", 1)
# By kind: the command that makes the disk fail, the command that undoes it, and a part of the error
KINDS = {
    "full": ("dd if=/dev/zero of={}/ballast bs=4k || true", "rm {}/ballast", "(No space left on device): make room there"),
    "read-only": (
        "mount --bind {0} {0} && mount -o remount,bind,ro {0}",
        "umount {}",
        "(Read-only file system): it is mounted read-only: mount it writable",
    ),
    "quota": ("prlimit --pid PID --fsize=100", "true", "(File too large): raise the limit on the size of files"),
}

MARKS = (".lock", ".holder", ".mlflow.db.lock", ".stale", ".writable")


def shell(command: str) -> None:
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)  # noqa: S607


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not shutil.which("prlimit"):
        pytest.skip("no prlimit here")
    line = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)]
    if subprocess.run(line, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes root's rights")
    try:
        yield folder
    finally:
        while folder.is_mount():
            shell(f"umount --lazy {folder}")  # MLflow's client in this process still holds the database


class Trial:
    """A run on a small disk that fails at planned moments."""

    def __init__(self, disk: Path) -> None:
        self.disk, self.before = disk, disk.with_name("before")
        self.command = Command(SHORT, disk / "runs")
        self.parsed: set[tuple[str, int, int]] = set()

    def befall(self, kind: str, moment: tuple[str, int]) -> None:
        """Run until the disk fails: one line, exit 2, every earlier file is unchanged, and all files parse."""
        happen, undo, message = (text.format(self.disk) for text in KINDS[kind])
        copy = f"rm -rf {self.before}; cp -a {self.disk}/runs {self.before}; {happen}"
        file, event = moment
        life = self.command.live({"file": file, "event": event, "run": ["sh", "-c", copy]}, 300)
        shell(undo)
        assert life.status == 2, (kind, moment, life)
        lines = [line for line in life.errors.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1 and message in lines[0] and str(self.disk / "runs") in lines[0], (kind, moment, life)
        assert "Traceback" not in life.errors and "unexpectedly" not in life.errors, (kind, moment, life)
        for path in kept(self.before):
            now = self.command.output / path.relative_to(self.before)
            assert now.is_file() and now.read_bytes() == path.read_bytes(), (kind, moment, now)
        parse_all(self.command.output, self.parsed)

    def end(self, undisturbed: Path) -> None:
        """The last life is undisturbed, and ends with the results of an undisturbed run."""
        life = self.command.live({})
        assert life.status == 0, life.errors
        look_at_the_end(self.command.output, undisturbed)


def kept(root: Path) -> list[Path]:
    """Files that no failing write may change, except the database, which has a check of its own and is written all the time."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("mlflow.db"))
    return [path for path in files if not TEMPORARY.fullmatch(path.name) and path.name not in MARKS]


def test_one_run_whose_disk_fails_in_every_way(disk: Path, undisturbed: Path) -> None:
    trial = Trial(disk)
    trial.befall("full", DATABASE)
    trial.befall("full", CHECKPOINT)
    trial.befall("quota", WEIGHTS)
    trial.befall("read-only", RESULT)
    trial.befall("read-only", REPORT)
    trial.end(undisturbed)


def test_a_mirror_on_a_full_disk_costs_no_result(disk: Path, tmp_path: Path) -> None:
    bicubic = [word for word in SHORT if word != "fsrcnn"]
    command = Command(bicubic, tmp_path / "runs", {"MLFLOW_TRACKING_URI": f"sqlite:///{disk}/mlflow.db"})
    happen, undo, _ = (text.format(disk) for text in KINDS["full"])
    life = command.live({"file": f"{disk}/mlflow.db", "event": 1, "run": ["sh", "-c", happen]})
    assert life.status == 0 and "Traceback" not in life.errors, life
    first, last = (line for line in life.errors.splitlines() if "MLflow" in line)
    assert "full" in first or "disk" in first, first
    assert "MLflow lacks 1 of 1 cell," in last, last
    assert len(complete(command.output)) == 1 and (command.output / "report" / "index.html").is_file()
    parse_all(disk, set())
    shell(undo)
    again = command.live({})
    assert again.status == 0 and "done in" not in again.errors, again


def strace(command: Command, trace: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a command, and write its calls of fsync into a file, with the paths of the synced files."""
    line = ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-e", "trace=fsync", *options, "-o", str(trace), *command.line]
    return subprocess.run(line, cwd=ROOT, env=command.environ(), capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.parametrize("file", [".writable", "/samples/", "result.json", "/report/"])
def test_a_quota_that_the_kernel_reports(file: str, tmp_path: Path) -> None:
    """strace injects ``EDQUOT`` into fsync: real quotas cannot be set up in every test."""
    if not shutil.which("strace"):
        pytest.skip("no strace here")
    bicubic = [word for word in SHORT if word != "fsrcnn"]
    trace = tmp_path / "trace"
    assert strace(Command(bicubic, tmp_path / "counted"), trace).returncode == 0
    synced = [line for line in trace.read_text(encoding="utf-8").splitlines() if "fsync(" in line]
    number = next(number for number, line in enumerate(synced, start=1) if file in line)
    command = Command(bicubic, tmp_path / "runs")
    done = strace(command, trace, "-e", f"inject=fsync:error=EDQUOT:when={number}")
    (error,) = (text for text in done.stderr.splitlines() if text.startswith("error: "))
    assert done.returncode == 2 and ("runs: cannot" if file == ".writable" else file) in error, error
    assert error.endswith("cannot be written (Disk quota exceeded): make room there or have the quota raised, and run again")
    assert "Traceback" not in done.stderr and "INJECTED" in trace.read_text(encoding="utf-8")
    parse_all(command.output, set())
    assert command.undisturbed().returncode == 0


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fails_at_every_write(kind: str, disk: Path, undisturbed: Path) -> None:
    trial = Trial(disk)
    for moment in (BEGIN, SAMPLE, DATABASE, NOTE, CHECKPOINT, CHECKPOINT, WEIGHTS, RESULT, TABLE, REPORT):
        trial.befall(kind, moment)
    trial.end(undisturbed)
