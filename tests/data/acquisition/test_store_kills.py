"""Processes killed while they prepare an archive: the next call succeeds, whatever the moment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.data.acquisition import store
from tests.conftest import ROOT
from tests.helpers.flaky_server import FlakyServer, Handler, drip, wait_for
from tests.helpers.tiny_archives import (
    IMAGES,
    NAMES,
    ZIP,
    by_file,
    empty_root,  # noqa: F401
    get,
    left,
    serve_by_name,
    tiny,
    zip_server,  # noqa: F401
)

KILLED = """\
import os, shutil, signal, sys
from functools import partial
from pathlib import Path
from benchmarks.data.pixels import decode
from benchmarks.data.acquisition import store
from benchmarks.data.acquisition import download as downloads
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.acquisition.pins import pins
import httpx, httpcore, msgspec, PIL.Image  # before any fork

root, cards = Path(os.environ["CINCGAN_DATA"]), []
zipped, single, every = sys.argv[1], sys.argv[2], int(sys.argv[3])
names = ["1.png", "2.png", "3.png", "4.png"]
plain = Archive("tiny", (zipped,), None, None, "tiny")
singles = Archive("singles", (single,))
events = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree", "fcntl.flock"}
downloads.PAUSE_SECONDS = 0.01
os.fsync = lambda file: None  # a process dies here, no machine
httpx.Client = partial(httpx.Client, verify=False)  # certificates, which no server here has, take long to load

def in_child(work):
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print("child:", repr(error), flush=True)
            os._exit(1)
    return os.waitpid(child, 0)[1]

def prepare(archive, report):
    store.prepare(archive, names, None, report)

def killed_at(archive, moment):
    count = 0
    def tick(*_):
        nonlocal count
        count += 1
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)
    def hook(event, arguments):
        if event in events and str(root) in str(arguments[:1]) or event == "fcntl.flock":
            tick()
    sys.addaudithook(hook)
    prepare(archive, tick)

def shown():
    return sorted(path.name for path in root.rglob("*") if not path.name.endswith(".lock"))

def damage():
    prepare(plain, lambda *_: None)
    (root / "tiny" / "1.png").write_bytes(b"cut")

for label, archive, begin in (("zip", plain, None), ("damaged zip", plain, damage), ("singles", singles, None)):
    moment = step = 0
    while True:
        moment += every
        shutil.rmtree(root, ignore_errors=True)
        if begin:
            in_child(begin)
        status = in_child(lambda: killed_at(archive, moment))
        if status == 0:
            break
        assert os.WIFSIGNALED(status), (label, moment, status)
        step += 1
        there = store.missing(archive, names) == []
        status = in_child(lambda: prepare(archive, lambda *_: None))
        assert status == 0, (label, moment, status)
        expected = sorted([archive.name, "pins.json", ".manifest.json", *names])
        assert shown() == expected, (label, moment, shown())
        assert store.damaged(archive) == [] and list(pins(root)) == [archive.name], (label, moment)
    print(label, step)
"""


def killed(server: FlakyServer, root: Path, every: int) -> dict[str, int]:
    """Prepare, killed at every ``every``-th moment, and prepare again. Returns the number of moments by kind of archive."""
    url = server.url.replace("file.zip", "")
    server.always = lambda handler: serve_by_name(handler)
    line = [sys.executable, "-c", KILLED, f"{url}file.zip", f"{url}{{}}", str(every)]
    done = subprocess.run(
        line, cwd=ROOT, env={**os.environ, "CINCGAN_DATA": str(root)}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {label: int(count) for label, _, count in (text.rpartition(" ") for text in done.stdout.splitlines())}


def test_a_kill_at_some_moments_leaves_nothing_that_the_next_call_does_not_mend(server: FlakyServer, root: Path) -> None:
    moments = killed(server, root, 7)
    assert set(moments) == {"zip", "damaged zip", "singles"} and min(moments.values()) > 3


@pytest.mark.train
def test_a_kill_at_any_moment_leaves_nothing_that_the_next_call_does_not_mend(server: FlakyServer, root: Path) -> None:
    moments = killed(server, root, 1)
    assert set(moments) == {"zip", "damaged zip", "singles"} and min(moments.values()) > 30


@pytest.mark.parametrize("kind", ["zip", "singles"])
def test_a_kill_during_the_download_costs_only_the_rest(server: FlakyServer, root: Path, kind: str) -> None:
    server.content = ZIP if kind == "zip" else IMAGES["1.png"]
    archive = tiny(server.url) if kind == "zip" else by_file(server)
    server.tricks = [drip(200, 0.05)] if kind == "zip" else [Handler.send_file, drip(50, 0.05)]
    imports = "from benchmarks.data.acquisition import store; from benchmarks.data.acquisition.archive import Archive"
    code = f"{imports}; store.prepare({archive!r}, {NAMES}, None, print)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL) as running:
        wait_for(
            lambda: (
                not server.tricks
                and list(root.rglob("*.part")) != []
                and max(p.stat().st_size for p in root.rglob("*.part")) > 300
            )
        )
        running.kill()
    get(archive)
    assert (server.ranges()[-1] if kind == "zip" else server.ranges()[2]) not in (None, "bytes=0-")
    assert len(server.seen) == (2 if kind == "zip" else 5)
    assert store.damaged(archive) == [] and left(root) == sorted(["pins.json", archive.name])
