"""The examples of the public API in docstrings and in ``docs/api.md``, run as they stand."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

MODULES = ("benchmarks.public.scores", "benchmarks.public.images", "benchmarks.public.model", "benchmarks.results.frame")


def test_docstrings_and_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In one working directory, for later examples read what earlier ones have stored."""
    monkeypatch.chdir(tmp_path)
    for name in MODULES:
        outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
        assert outcome.attempted and not outcome.failed, capsys.readouterr().out
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.S | re.M)
    for block in blocks:
        exec(block, names)  # noqa: S102 - the document is ours
    record, frame, scores = names["record"], names["frame"], names["scores"]
    assert set(frame.method) == {"bicubic", "nearest", "sharpened"}
    assert scores.summary["psnr"].low < scores.mean["psnr"] < scores.summary["psnr"].high
    nearest = frame[(frame.method == "nearest") & (frame.metric == "psnr")].value.mean()
    assert scores.mean["psnr"] == pytest.approx(nearest)
    assert record.summary["rgb"]["psnr"].mean > nearest
    table = next((tmp_path / "report" / "tables").glob("*methods.md")).read_text(encoding="utf-8")
    assert "your own models" in table and "| sharpened" in table and "| nearest" in table
