"""``cincgan-bench``: all commands under one name, and their completion in shells."""

from __future__ import annotations

import importlib
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import __main__ as console
from benchmarks import completion
from benchmarks.core.strict import read_toml
from tests.conftest import ROOT


@pytest.mark.parametrize("name", console.COMMANDS)
def test_a_sub_command_is_the_main_function_of_its_module(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Sequence[str]] = []
    command = console.COMMANDS[name]
    module = importlib.import_module(command.module)
    monkeypatch.setattr(module, "main", lambda arguments: calls.append(arguments) or 7)
    assert console.main([name, "--x", "a b", "--version"]) == 7
    assert calls == [[*command.arguments, "--x", "a b", "--version"]]


def test_every_command_of_the_project_is_a_sub_command(capsys: pytest.CaptureFixture[str]) -> None:
    modules = {f"{folder}.{path.stem}" for folder in ("benchmarks", "reports") for path in (ROOT / folder).glob("*.py")}
    commands = {
        module for module in modules if f"python -m {module}``" in importlib.import_module(module).__doc__.partition("\n")[0]
    }
    assert {command.module for command in console.COMMANDS.values()} == commands
    with pytest.raises(SystemExit):
        console.main(["--help"])
    listed = capsys.readouterr().out
    assert all(f"\n  {name} " in listed for name in console.COMMANDS)


def test_the_entry_point_and_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    project = read_toml(ROOT / "pyproject.toml")["project"]
    module, _, name = project["scripts"]["cincgan-bench"].partition(":")
    assert getattr(importlib.import_module(module), name) is console.console
    assert console.main(["--version"]) == 0
    assert capsys.readouterr().out == f"cincgan-bench {project['version']}\n"


def test_help_is_fast() -> None:
    line = [sys.executable, "-m", "benchmarks", "--help"]
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert done.stdout.startswith("usage: cincgan-bench")
    assert min(seconds) < 0.3, seconds  # of processor time, for the machine may be busy


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash."""
    pytest.importorskip("shtab")
    path = tmp_path_factory.mktemp("completion") / "cincgan-bench"
    path.write_text(completion.make_script("bash"), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ev",), {"evaluate"}),
        (("run", "--meth"), {"--methods"}),
        (("run", "--methods", "bicubic", "cincgan/no-d"), {"cincgan/no-d1"}),
        (("evaluate", "--protocol", "y-"), {"y-shave4"}),
        (("prepare", "lpips"), {"lpips-alex", "lpips-vgg"}),
        (("run", "--executor", "s"), {"serial", "slurm"}),
        (("run", "--profile", "sm"), {"smoke"}),
        (("report", "--results", "fold"), {"folder"}),
        (("speed", "tr"), {"training"}),
        (("speed", "training", "--sta"), {"--stages"}),
        (("speed", "evaluation", "--sta"), set()),
        (("speed", "training", "--stages", "cincgan-j"), {"cincgan-joint"}),
    ],
    ids=lambda value: " ".join(sorted(value)),
)
def test_bash_completes(words: tuple[str, ...], expected: set[str], script: Path, tmp_path: Path) -> None:
    if not (bash := shutil.which("bash")):
        pytest.skip("no bash here")
    (tmp_path / "folder").mkdir()
    (tmp_path / "foldable").write_text("no folder", encoding="utf-8")
    line = " ".join(("cincgan-bench", *words))
    ask = (
        f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; COMP_LINE='{line}'; COMP_POINT={len(line)}\n"
        "_shtab_cincgan_bench; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run([bash, "--norc", "-c", ask], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert {word for word in done.stdout.splitlines() if word} == expected, done.stderr


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_scripts_are_printed(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert completion.main([shell]) == 0
    path = tmp_path / "script"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    if program := shutil.which(shell):
        subprocess.run([program, "-n", path], check=True, timeout=60)


def test_completion_without_its_package(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert completion.main(["bash"]) == 2
    assert "pip install 'cincgan-benchmark[completion]'" in capsys.readouterr().err
