"""Typing errors in every registry of the catalog: one line with the entry, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.api.entries import Entry, MethodEntry, MetricEntry, StageEntry
from benchmarks.catalog import methods as catalog
from benchmarks.catalog.dataset_kinds import KINDS
from benchmarks.catalog.degradations import DEGRADATIONS, make_degradation
from benchmarks.catalog.executors import EXECUTORS
from benchmarks.catalog.metrics import METRICS
from benchmarks.catalog.profiles import load_profile
from benchmarks.catalog.protocols import PROTOCOLS, get_protocol
from benchmarks.core.errors import UsageError
from benchmarks.core.registry import Registry
from benchmarks.data.cards import load_dataset_card
from benchmarks.execution.executors.selection import executor_class
from benchmarks.planning.plan import make_plan

METRIC = MetricEntry("lpips", "LPIPS", target="benchmarks.scoring.lpips:LPIBS")


def plan(method: str, *changes: str) -> object:
    return make_plan(load_profile("smoke", changes), [method])


ENTRIES: list[tuple[Registry[Any], Any, Callable[[], object], str]] = [
    (
        PROTOCOLS,
        Entry("rgb", "benchmarks.scoring.protocols.rbg:RGB"),
        lambda: get_protocol("rgb"),
        "protocol 'rgb': there is no module 'benchmarks.scoring.protocols.rbg': did you mean 'benchmarks.scoring.protocols.rgb'?",
    ),
    (
        PROTOCOLS,
        Entry("rgb", "benchmarks.scoring.protocols.rgb:compare_rgb"),
        lambda: plan("bicubic"),
        "protocol 'rgb': benchmarks.scoring.protocols.rgb:compare_rgb has no version, score, view: name another object",
    ),
    (
        DEGRADATIONS,
        Entry("bicubic", "benchmarks.degradations.bicubic:BiCubic"),
        lambda: make_degradation("bicubic", {}, "here"),
        "degradation 'bicubic': benchmarks.degradations.bicubic has no 'BiCubic': did you mean 'Bicubic'?",
    ),
    (
        METRICS,
        METRIC,
        lambda: plan("bicubic", "metrics=['lpips']"),
        "metric 'lpips': benchmarks.scoring.lpips has no 'LPIBS': did you mean 'LPIPS'?",
    ),
    (
        KINDS,
        Entry("folder", "benchmarks.data.kind.user_folder:UserFolder"),
        lambda: load_dataset_card("folder"),
        "kind of data set 'folder': there is no module 'benchmarks.data.kind': did you mean 'benchmarks.data.kinds'?",
    ),
    (
        EXECUTORS,
        Entry("serial", "benchmarks.execution.executors.serial:Seriell"),
        lambda: executor_class("serial"),
        "executor 'serial': benchmarks.execution.executors.serial has no 'Seriell': did you mean 'Serial'?",
    ),
    (
        catalog.methods(),
        MethodEntry("bicubic", "mistyped", "baselines.bicubic.method:Bicubi", "interpolation"),
        lambda: plan("bicubic"),
        "method 'bicubic': baselines.bicubic.method has no 'Bicubi': did you mean 'Bicubic'?",
    ),
    (
        catalog.stages(),
        StageEntry("fsrcnn", "baselines.fsrcnn.stages:FSRCNNStage", "baselines.fsrcnn.settings:FSRCNNSettings", ("z",)),
        lambda: plan("fsrcnn"),
        "training stage 'fsrcnn': there is no module 'baselines.fsrcnn.stages': did you mean 'baselines.fsrcnn.stage'?",
    ),
    (
        catalog.stages(),
        StageEntry("fsrcnn", "baselines.fsrcnn.stage:FSRCNNStage", "baselines.fsrcnn.settings:FSRCNNSetings", ("z",)),
        lambda: catalog.settings_class("fsrcnn"),
        "settings of training stage 'fsrcnn': baselines.fsrcnn.settings has no 'FSRCNNSetings': did you mean 'FSRCNNSettings'?",
    ),
]


@pytest.mark.parametrize(("registry", "entry", "use", "text"), ENTRIES)
def test_a_mistyped_entry_is_named(
    registry: Registry[Any], entry: Any, use: Callable[[], object], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._entries, entry.name, entry)
    with pytest.raises(UsageError) as caught:
        use()
    assert str(caught.value).startswith(text) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "text"),
    [
        ("baselines.bicubik", "there is no module 'baselines.bicubik': did you mean 'baselines.bicubic'?"),
        ("baselines.bicubic.method", "baselines.bicubic.method has no tuple METHODS of MethodEntry"),
    ],
)
def test_a_mistyped_folder_of_a_method_is_named(folder: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "FOLDERS", (folder,))
    with pytest.raises(UsageError) as caught:
        catalog.methods.__wrapped__()
    assert str(caught.value).startswith(f"FOLDERS of benchmarks/catalog/methods.py: {text}")


@pytest.mark.parametrize(
    ("reads", "text"),
    [
        ("x", "reads is 'x', no tuple of splits: write reads=(\"x\",), a single name with a comma"),
        (["x"], "reads is ['x'], no tuple of splits"),
        (("x", "y"), 'reads has \'y\': the splits are "x", "z", "pairs"; Y is made of Z, so data.y() needs "z"'),
        (("test",), 'reads has \'test\': the splits are "x", "z", "pairs"'),
        (("pairs",), "reads \"pairs\", and method 'fsrcnn' is of the family 'clean-pairs': write family=\"supervised\""),
    ],
)
def test_splits_that_no_stage_may_read_are_named(reads: Any, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalog.methods()["fsrcnn"]
    broken = replace(entry, trains=(replace(entry.trains[0], reads=reads),))
    monkeypatch.setattr("baselines.fsrcnn.METHODS", (broken,))
    with pytest.raises(UsageError) as caught:
        catalog.methods.__wrapped__()
    message = str(caught.value)
    assert message.startswith("training stage 'fsrcnn'") and text in message and "\n" not in message


def test_a_mistyped_package_of_variants_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(catalog.methods()["cincgan"], variants="cincgam/ablation.toml")
    monkeypatch.setitem(catalog.methods()._entries, "cincgan", entry)
    with pytest.raises(
        UsageError, match=r"^variants of method 'cincgan': there is no module 'cincgam': did you mean 'cincgan'\?"
    ):
        catalog.variants_of.__wrapped__("cincgan")
