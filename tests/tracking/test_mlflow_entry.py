"""Names and numbers in MLflow are those of the result; a number that MLflow cannot store becomes a tag."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient

from benchmarks.tracking.entry import Entry, collect_metrics, flatten, make_entry
from benchmarks.tracking.session import EXPERIMENT, Session, own_uri, quiet
from tests.helpers.mlflow_cells import make_result, make_training

EXTREME = (math.inf, -math.inf, math.nan, 1.7976931348623157e308, 5e-324, -0.0, 2**53 + 1, 2**63, -(10**400), True, False, None)
NUMBERS = st.one_of(st.floats(), st.integers(-(10**400), 10**400), st.sampled_from(EXTREME), st.text(max_size=5))
ODD = ("psnr", "a:b", "a_b", "a/b", "..", ".", "", "/x", "x//y", "l" * 300, "l" * 301)
NAMES = st.one_of(st.text(max_size=8), st.sampled_from(ODD))
PARTS = NAMES.filter(lambda name: "." not in name and name != "mean")  # of a dotted name
METRICS = st.dictionaries(PARTS, st.dictionaries(PARTS, NUMBERS, max_size=3), max_size=3)
SUMMARY = st.dictionaries(PARTS, METRICS, max_size=3)
HISTORY = st.dictionaries(st.integers(1, 10**9), st.dictionaries(NAMES, NUMBERS, max_size=3), max_size=5)


@pytest.fixture
def session(output: Path) -> Iterator[Session]:
    with quiet():
        yield Session(own_uri(output), output, {"profile": "demo"}, 0.0)


def stored(client: MlflowClient, run_id: str) -> tuple[dict[tuple[str, int], float], dict[str, str]]:
    """Numbers of a run by name and step, and its tags, as MLflow has them."""
    run = client.get_run(run_id)
    points = (point for name in run.data.metrics for point in client.get_metric_history(run_id, name))
    return {(point.key, point.step): point.value for point in points}, dict(run.data.tags)


def is_held(value: Any) -> bool:
    """True if a 64-bit float in a database can be this number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value) and float(value) == value
    except OverflowError:
        return False


# No shrinking: each example is a run in a real database.
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(summary=SUMMARY, history=HISTORY, seconds=NUMBERS)
def test_no_number_arrives_as_another(
    session: Session, summary: dict[str, Any], history: dict[int, dict[str, Any]], seconds: Any
) -> None:
    """Every number that a database can hold arrives unchanged; the rest are tags; no number replaces another."""
    rows = [{"step": step, **{name: value for name, value in row.items() if name != "step"}} for step, row in history.items()]
    metrics, unstorable = collect_metrics({"summary": summary, "history": rows, "seconds": seconds})
    entry = make_entry(make_result())
    run_id = session.add(replace(entry, metrics=metrics, tags={**entry.tags, **unstorable}), [])
    values, tags = stored(session._client, run_id)
    sent = [seconds, *(value for columns in summary.values() for column in columns.values() for value in column.values())]
    sent += [value for row in rows for name, value in row.items() if name != "step"]
    assert sorted(values.values()) == sorted(float(value) for value in sent if is_held(value))
    unheld = [n for n in sent if isinstance(n, (int, float)) and not isinstance(n, bool) and not is_held(n)]
    marks = {value for name, value in tags.items() if name.startswith(("nonfinite.", "inexact."))}
    assert bool(marks) == bool(unheld) and marks <= {str(value) for value in unheld}
    assert session._client.get_run(run_id).info.status == "FINISHED"


def test_a_number_that_mlflow_would_change_becomes_a_tag() -> None:
    summary = {"rgb": {"psnr": {"mean": math.inf, "low": 24.0, "high": True, "count": 2**53 + 1, "images": 2**53}}}
    metrics, tags = collect_metrics({"summary": summary, "history": [{"step": 1, "loss": 0.5}, {"step": 2, "loss": math.nan}]})
    assert metrics == [("rgb.psnr.low", 24.0, 0), ("rgb.psnr.images", 2.0**53, 0), ("loss", 0.5, 1)]
    assert tags == {"nonfinite.rgb.psnr": "inf", "inexact.rgb.psnr.count": str(2**53 + 1), "nonfinite.loss": "nan"}


def test_an_infinite_score_of_a_result_becomes_a_tag() -> None:
    entry = make_entry(make_result(summary={"rgb": {"psnr": {"mean": "inf", "low": 24.0, "high": "inf"}}}))
    assert entry.metrics == [("seconds", 12.5, 0), ("rgb.psnr.low", 24.0, 0)]
    assert {"nonfinite.rgb.psnr": "inf", "nonfinite.rgb.psnr.high": "inf"}.items() <= entry.tags.items()


def test_names_that_have_to_change_stay_different() -> None:
    """Parameters ``a:b`` and ``a_b`` stay two, and so do names that differ after MLflow's limit of 250 characters."""
    flat = flatten({"a:b": 1, "a_b": 2, "l" * 250 + "x": 3, "l" * 250 + "y": 4, "a//b": 5, "..": 6, "": 7})
    assert sorted(flat.values()) == ["1", "2", "3", "4", "5", "6", "7"]
    assert flat["a_b"] == "2" and all(0 < len(name) <= 250 for name in flat)


def test_flatten_keeps_every_value() -> None:
    flat = flatten({"a": {"b": {"c": None}}, "empty": {}, "text": "as it is", "yes": True, "half a pair": "\ud800"})
    assert flat == {"a.b.c": "null", "empty": "{}", "text": "as it is", "yes": "true", "half a pair": "?"}
    assert json.loads(flatten({"betas": [0.5, 0.9]})["betas"]) == [0.5, 0.9]


@pytest.mark.parametrize(
    "broken",
    [
        {"finished_at": "yesterday"},
        {"finished_at": 3},
        {"cell": {}},
        {"git": None},
        {"summary": [1]},
        {"summary": {"rgb": {"psnr": {"mean": 1.0}}}},
    ],
)
def test_a_broken_result_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        make_entry(make_result(**broken))


def test_a_history_without_steps_is_refused() -> None:
    with pytest.raises(ValueError):
        make_training({}, [{"loss": 1.0}])


def test_one_experiment_though_two_processes_create_it(session: Session, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process creates the experiment between our look and our attempt."""
    look = MlflowClient.get_experiment_by_name
    answers = iter([None])
    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", lambda client, name: next(answers, look(client, name)))
    entry: Entry = make_entry(make_result())
    late = Session(own_uri(output), output, {}, 0.0)
    late.add(entry, [])
    monkeypatch.undo()
    experiments = MlflowClient(tracking_uri=own_uri(output)).search_experiments()
    assert [experiment.name for experiment in experiments].count(EXPERIMENT) == 1
