"""Designed studies of methods: their configurations, and the command that trains and scores all of them."""

from __future__ import annotations

import shutil
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from benchmarks.catalog import methods, plugins
from benchmarks.catalog.methods import configurations_of, every_method, get_method, is_method
from benchmarks.catalog.profiles import load_profile
from benchmarks.catalog.studies import load_study
from benchmarks.core.errors import UsageError
from benchmarks.core.values import plain
from benchmarks.planning.plan import Selection, make_plan
from benchmarks.planning.variants import varied
from benchmarks.run import _methods, _selection, main, make_parser
from reports.tables import method_order
from tests.conftest import ROOT

JOINT = load_study("cincgan")
STAGE = "cincgan-joint"


@cache
def settings(name: str) -> dict[str, Any]:
    """Plain settings of all stages of CinCGAN under a configuration of ``demo``."""
    stages = varied(load_profile("demo"), get_method(name)).stages
    return {stage: plain(stages[stage]) for stage in ("edsr", "cincgan-inner", STAGE)}


def changed_paths(first: Any, second: Any, path: str = "") -> set[str]:
    """Dotted keys of values that differ."""
    if not isinstance(first, dict):
        return {path} if first != second else set()
    return {found for key in first for found in changed_paths(first[key], second[key], f"{path}.{key}")}


def test_configurations_are_methods_beside_those_of_the_ablation() -> None:
    assert JOINT.question.endswith("?") and JOINT.summary.endswith("settings one at a time: 20 configurations, validation images")
    assert len(JOINT.tried) == len(set(JOINT.tried)) == 20 and JOINT.tried[0] == JOINT.start
    assert JOINT.methods[:3] == ["bicubic", "edsr", "cincgan"]
    assert all(is_method(name) and name in method_order() for name in JOINT.tried)
    assert not {entry.name for entry in every_method()} & set(configurations_of("cincgan"))
    assert get_method("cincgan/steps-30-no-outer-cycle").title == "30 joint steps, no D2 and no G3"


@pytest.mark.parametrize(
    ("profile", "changes", "seeds", "named"),
    [
        ("demo", (), (101,), ""),
        ("smoke", (), (100, 101), "(profile smoke)"),
        ("demo", ("threads=1",), (0, 101), "(--set threads=1; seeds 0, 101)"),
    ],
)
def test_a_run_that_is_not_the_study_as_designed_says_so(
    profile: str, changes: tuple[str, ...], seeds: tuple[int, ...], named: str
) -> None:
    sentence = JOINT.another_experiment(load_profile(profile, changes), seeds)
    assert (named in sentence and "designed for profile demo" in sentence) if named else sentence == ""


def test_rates_halve_and_the_warm_up_ends_where_they_do_in_demo() -> None:
    steps = []
    for with_cycle, without in zip(*JOINT.curves.values(), strict=True):
        one, other = settings(with_cycle), settings(without)
        schedule = one[STAGE]["training"]
        steps.append(schedule["steps"])
        assert schedule["steps"] == 0 or 3 * schedule["halve_every"] == 2 * schedule["steps"]
        assert schedule["steps"] == 0 or 3 * one[STAGE]["warmup_steps"] == schedule["steps"]
        outer = {f".{STAGE}.hr_losses.adversarial", f".{STAGE}.hr_losses.cycle"}
        assert changed_paths(one, other) == (outer if schedule["steps"] else set())
        schedules = {f".{STAGE}.training.steps", f".{STAGE}.training.halve_every", f".{STAGE}.warmup_steps"}
        assert changed_paths(one, settings("cincgan")) <= schedules
    assert steps == [0, 30, 90, 180, 360]


def test_factors_change_one_setting_at_a_time() -> None:
    full = settings("cincgan")
    for factor, names in JOINT.factors.items():
        paths = [changed_paths(full, settings(name)) for name in names]
        assert all(own == paths[0] and own for own in paths), factor
        assert len(paths[0]) == (3 if factor.startswith("reduction") else 1)
        assert len({str(settings(name)) for name in (*names, "cincgan")}) == len(names) + 1


def chosen(*arguments: str) -> tuple[list[str], Selection]:
    """Methods and data that a command line selects."""
    options = make_parser().parse_args(arguments)
    return _methods(options, load_profile("smoke")), _selection(options)


def test_the_command_scores_validation_images_of_the_studys_seeds() -> None:
    names, selection = chosen("--study", "cincgan")
    assert (names, selection.split, selection.seeds, selection.datasets) == (JOINT.methods, "validation", [100, 101], None)
    _, selection = chosen("--study", "cincgan", "--seeds", "7", "--datasets", "bsds500", "--split", "validation")
    assert (selection.split, selection.seeds, selection.datasets) == ("validation", [7], ["bsds500"])
    assert chosen("--methods", "edsr")[1].split == "test"


def test_trainings_that_configurations_share_are_planned_once() -> None:
    some = [*JOINT.methods[:4], "cincgan/steps-30-no-outer-cycle", "cincgan/rate-1e-4"]
    cells = make_plan(load_profile("demo"), some, seeds=[100], split="validation")
    trained = [cell.label for cell in cells if cell.kind == "train"]
    assert sorted(trained) == ["cincgan-inner", *[STAGE] * 4, "edsr"]
    assert [cell.label for cell in cells if cell.kind == "evaluate"] == some
    assert all(cell.splits == ("validation",) for cell in cells if cell.kind == "evaluate")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--study", "cincgan", "--split", "test"], "on validation images: leave out --split test"),
        (["--study", "cincgan", "--all"], "leave out --all, --ablation, --methods and --family"),
        (["--study", "cincgan", "--methods", "edsr"], "leave out --all"),
        (["--study", "edsr"], "method 'edsr' declares no study: give cincgan"),
        (["--study", "cincgam"], "unknown method with a study 'cincgam': did you mean 'cincgan'? known: cincgan"),
        (["--study", "cincgan", "--datasets", "set5"], "data set 'set5' has no validation images"),
        (["--methods", "cincgan/steps-31"], "unknown variant 'cincgan/steps-31': did you mean 'cincgan/steps-3"),
    ],
)
def test_wrong_use_is_a_line_and_exit_code_2(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--dry-run"]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"cincgan/raw-d2"', '"cincgan/no-d1"', "no curve and no factor has cincgan/raw-d2: add it to one, or take it out"),
        ('start = "cincgan/steps-0"', 'start = "cincgan"', "'with the outer cycle' does not begin with cincgan: put it first"),
        ('"cincgan/raw-d2"', '"cincgan/raw-d3"', "did you mean 'cincgan/raw-d2'?"),
        ('of = "no-outer-cycle"', 'of = "no-outer-cycles"', "did you mean 'cincgan/no-outer-cycle'?"),
        ("seeds = [100, 101]", "seeds = []", "seeds is a list of 0 values: a list of at least 1 value is needed"),
        ("[configurations.raw-d2]", "[configurations.no-d1]", "two entries of the registry of variants"),
        ('changes = ["stages.cincgan-joint.d2.highpass_window=0"]', "", "'configurations.raw-d2.changes' is missing: add it"),
    ],
)
def test_a_study_that_contradicts_itself_is_refused(
    old: str, new: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "cincgan", tmp_path / "cincgan")
    path = tmp_path / "cincgan" / "joint_study.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(plugins, "files", lambda package: tmp_path / "cincgan" if package == "cincgan" else files(package))
    try:
        methods.configurations_of.cache_clear()
        with pytest.raises(UsageError) as caught:
            load_study("cincgan")
        assert words in str(caught.value)
    finally:
        methods.configurations_of.cache_clear()
