"""pyiqa's metrics are loaded without a word of pyiqa's, whatever it prints."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from benchmarks.core.errors import WeightsMissing
from benchmarks.scoring.pyiqa_metrics import PyiqaMetric

LINE = 'Downloading: "https://example.org/niqe.mat" to /home/user/.cache/torch/hub/pyiqa/niqe.mat\n'


def as_pyiqa(monkeypatch: pytest.MonkeyPatch, printed: str, error: Exception | None) -> None:
    """Put a module in pyiqa's place whose metrics print as they are made, and fail if an error is given."""

    def create_metric(name: str, device: object) -> SimpleNamespace:
        print(printed)
        if error:
            raise error
        return SimpleNamespace(metric_mode="NR")

    monkeypatch.setitem(sys.modules, "pyiqa", SimpleNamespace(create_metric=create_metric))


@pytest.mark.parametrize("printed", [LINE, "Loading pretrained model NIQE\n" + LINE, ""])
@pytest.mark.parametrize("error", [None, OSError("no route to host"), RuntimeError("bad file")])
def test_no_line_of_pyiqas(
    printed: str, error: Exception | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    as_pyiqa(monkeypatch, printed, error)
    if error is None:
        assert PyiqaMetric("niqe").metric.metric_mode == "NR"
    else:
        with pytest.raises(WeightsMissing, match=f"pyiqa cannot load it .*{error}.*: go online once"):
            PyiqaMetric("niqe")
    assert capsys.readouterr() == ("", "")
