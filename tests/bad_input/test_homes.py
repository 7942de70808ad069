"""Users without a home folder: the cache has a place that was named, or the command says which variable names one."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from benchmarks.core.errors import UsageError
from benchmarks.core.files import cache_root
from benchmarks.data import cache
from benchmarks.data.acquisition.store import data_root
from benchmarks.prepare import main

VARIABLES = ("HOME", "XDG_CACHE_HOME", "CINCGAN_CACHE", "CINCGAN_DATA")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user whom the system does not know, in an empty folder."""

    def unknown(key: object) -> None:
        raise KeyError(key)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("home", [None, "home", "./home", "~"])
def test_no_home(home: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    if home is not None:
        monkeypatch.setenv("HOME", home)
    assert main(["--list"]) == 2
    said = capsys.readouterr().err
    assert said == "error: no folder for the cache, for HOME names no absolute folder: set CINCGAN_CACHE to one\n"
    assert not list(tmp_path.iterdir()), "no folder named ~ is made"


@pytest.mark.parametrize("variable", ["CINCGAN_CACHE", "XDG_CACHE_HOME"])
def test_a_named_cache_needs_no_home(variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "named"))
    assert cache_root().is_relative_to(tmp_path / "named")
    assert main(["--list"]) == 0


def test_a_relative_name_is_of_the_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CINCGAN_CACHE", "cache")
    monkeypatch.setenv("CINCGAN_DATA", "data")
    assert (cache_root(), data_root()) == (tmp_path / "cache", tmp_path / "data")


@pytest.mark.parametrize("variable", ["CINCGAN_CACHE", "CINCGAN_DATA"])
def test_a_tilde_that_no_shell_has_expanded(variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CINCGAN_CACHE", "cache")
    monkeypatch.setenv(variable, "~nobody/data")
    with pytest.raises(UsageError, match=f"{variable}=~nobody/data: this home folder is unknown: give an absolute path"):
        data_root()
        cache_root()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(variable, "~/data")
    assert (data_root() if variable == "CINCGAN_DATA" else cache_root()) == tmp_path / "home" / "data"


@pytest.mark.parametrize("home", ["file", "read-only"])
def test_a_home_that_cannot_be_written(home: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "read-only").mkdir(mode=0o555)
    if home == "read-only" and os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    monkeypatch.setenv("HOME", str(tmp_path / home))
    with pytest.raises(UsageError, match=r"cannot be written \(.*\): set CINCGAN_CACHE to another folder"):
        cache.stack("ab", lambda: ())
