"""Shared libraries of the system that are missing, as OpenCV's on a machine without a desktop."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from benchmarks.check import _dispatch as gate
from benchmarks.check import make_parser
from benchmarks.core.errors import UsageError, as_ours, missing_prerequisite
from benchmarks.core.lazy import resolve
from benchmarks.core.plugins import reason
from benchmarks.evaluate import main
from tests.helpers.doors import check_line

NO_FILE = "cannot open shared object file: No such file or directory"
NO_GL = ImportError(f"libGL.so.1: {NO_FILE}", name="cv2", path="/site-packages/cv2/cv2.abi3.so")


@pytest.mark.parametrize(
    ("error", "library", "packages"),
    [
        (NO_GL, "libGL.so.1", "libgl1 libglib2.0-0"),
        (ImportError(f"libgthread-2.0.so.0: {NO_FILE}", name="cv2"), "libgthread-2.0.so.0", "libgl1 libglib2.0-0"),
        (ImportError(f"libgthread-2.0.so.0: {NO_FILE}"), "libgthread-2.0.so.0", "libglib2.0-0"),
        (OSError(f"libgomp.so.1: {NO_FILE}"), "libgomp.so.1", "libgomp1"),  # of ctypes, which torch loads libraries with
        (ImportError(f"libstdc++.so.6: {NO_FILE}", name="numpy._core"), "libstdc++.so.6", "libstdc++6"),
        (OSError(f"libjpeg_x2.so.62: {NO_FILE}"), "libjpeg_x2.so.62", "libjpeg-x2-62"),
    ],
)
def test_the_package_to_install_is_named(error: Exception, library: str, packages: str) -> None:
    ours = as_ours(error)
    assert isinstance(ours, UsageError) and ours.exit_code == 2
    assert f"library {library}" in str(ours) and str(ours).endswith(f"apt-get install {packages}")
    assert reason(error) == str(ours)


@pytest.mark.parametrize("error", [ImportError("cannot import name 'a' from 'b'"), FileNotFoundError(2, "No such file", "x.so")])
def test_other_errors_are_left_alone(error: Exception) -> None:
    assert missing_prerequisite(error) is None


@pytest.fixture
def without_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyiqa is imported again, and fails as it does without the library that OpenCV loads."""

    class Loader:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "pyiqa":
                raise NO_GL

    for name in [name for name in sys.modules if name.partition(".")[0] == "pyiqa"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Loader(), *sys.meta_path])


@pytest.mark.usefixtures("without_opencv")
def test_a_command_that_scores_lpips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("sr", "hr"):
        (tmp_path / folder).mkdir()
        PillowImage.radial_gradient("L").resize((64, 64)).save(tmp_path / folder / "a.png")
    line = ["--sr", str(tmp_path / "sr"), "--hr", str(tmp_path / "hr"), "--protocol", "rgb", "--metrics", "psnr,lpips"]
    assert main(line) == 2
    check_line(capsys.readouterr().err, "the system's library libGL.so.1, which the Python package 'cv2' loads, is missing")


def test_a_module_of_the_catalog_that_needs_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_loads.py").write_text(f"raise ImportError({str(NO_GL)!r}, name='cv2')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"libGL\.so\.1"):  # commands say how to install it
        resolve("mine_loads:Mine")


def test_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    def compare(*_: object) -> int:
        raise NO_GL

    monkeypatch.setattr("benchmarks.check._compare", compare)
    with pytest.raises(UsageError, match=r"libgl1"):
        gate(make_parser().parse_args([]), [])
