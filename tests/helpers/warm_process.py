"""Commands in processes that need not import heavy libraries: each is forked from a server that has imported them.

To import torch, pyiqa and MLflow takes six seconds of processor time, more than most tests' own work. Tests of start, signals,
kills and limits start commands from nothing, as a user does.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

LIBRARIES = [
    *("torch", "torch._dynamo", "torchvision", "pyiqa.archs.lpips_arch", "safetensors.torch", "skimage.metrics", "scipy.ndimage"),
    *("mlflow", "mlflow.store.db.utils", "mlflow.store.tracking.sqlalchemy_store", "pandas", "matplotlib.figure", "jinja2"),
    *("rich.table", "msgspec", "PIL.Image", "tabulate"),
]


@cache
def server() -> ForkServerContext:
    """The process that forks, one for each process of the test run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    return context


def run_module(
    module: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m module arguments`` in a folder, with these variables alone.

    Raises:
        subprocess.TimeoutExpired: it has not ended in time; it is killed.
    """
    with tempfile.TemporaryDirectory() as streams:
        paths = [Path(streams) / name for name in ("stdout", "stderr")]
        process = server().Process(target=_become, args=(module, list(arguments), folder, dict(environment), paths))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired([module, *arguments], timeout)
        output, errors = (path.read_text(encoding="utf-8") for path in paths)
        return subprocess.CompletedProcess([module, *arguments], process.exitcode, output, errors)


def _become(module: str, arguments: list[str], folder: Path, environment: dict[str, str], streams: list[Path]) -> None:
    """Make this process what ``python -m`` would have started, and run the module."""
    for number, path in enumerate(streams, start=1):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    given = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    before = {*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(Path(__file__).parents[2]), ""}
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:] = [str(folder), *given, *(entry for entry in sys.path if entry not in before)]
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    sys.argv[1:] = arguments
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
