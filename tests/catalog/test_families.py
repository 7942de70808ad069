"""Families of methods: every method has one, and a run selects methods by it."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import get_args

import pytest

from benchmarks.api.entries import Family
from benchmarks.catalog import methods as catalog
from benchmarks.catalog.families import FAMILIES, WITHOUT_PAIRS, methods_of_families
from benchmarks.catalog.methods import get_stage, methods, variants_of
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.run import _methods, main, make_parser


def selected(*arguments: str) -> list[str]:
    options: argparse.Namespace = make_parser().parse_args(arguments)
    return _methods(options, load_profile("smoke"))


def test_every_family_has_a_heading_and_methods_that_see_what_it_says() -> None:
    assert tuple(FAMILIES) == get_args(Family)
    for method in methods().values():
        seen = {split for stage in method.stages for split in get_stage(stage).reads}
        allowed = {"interpolation": set(), "classical": {"z"}, "clean-pairs": {"z"}, "synthetic": {"z"}, "released": set()}
        assert seen <= allowed.get(method.family, {"x", "z"}) or method.family == "supervised", method.name


def test_families_select_methods_beside_those_that_are_named() -> None:
    members = methods_of_families(["unpaired"])
    assert {"pseudo-supervision", "cincgan"} <= set(members) and "edsr" not in members
    assert members == [name for name, entry in methods().items() if entry.family in WITHOUT_PAIRS]
    assert selected("--family", "unpaired") == members
    assert selected("--family", "clean-pairs", "released") == ["fsrcnn", "edsr", "srgan", "realsr", "realesrgan"]
    assert selected("--methods", "bicubic", "--family", "clean-pairs") == ["bicubic", "fsrcnn", "edsr", "srgan"]
    profile = load_profile("smoke")
    everything = selected("--all", "--family", "unpaired")
    assert everything[: len(profile.methods)] == list(profile.methods) and set(members) <= set(everything)
    assert selected("--all") == list(profile.methods)
    assert selected("--ablation") == ["cincgan", *variants_of("cincgan")]
    assert set(selected("--cell", "0")) == {name for base in methods() for name in (base, *variants_of(base))}


def test_an_unknown_family_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--family", "unpared", "--dry-run"]) == 2
    error = capsys.readouterr().err
    assert "unknown family 'unpared': did you mean 'unpaired'? known: classical, clean-pairs," in error and error.count("\n") == 1


def test_a_family_without_methods_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.catalog.families.methods", lambda: {"edsr": methods()["edsr"]})
    with pytest.raises(UsageError, match="--family released: the catalog has no method of this family"):
        methods_of_families(["clean-pairs", "released"])


def test_a_mistyped_family_of_a_method_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(methods()["bicubic"], family="interpolated")  # type: ignore[arg-type]
    monkeypatch.setattr("baselines.bicubic.METHODS", (broken,))
    with pytest.raises(UsageError, match=r"unknown family of method 'bicubic' 'interpolated': did you mean 'interpolation'\?"):
        catalog.methods.__wrapped__()


def test_the_list_shows_the_methods_of_each_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--json"]) == 0
    families = json.loads(capsys.readouterr().out)["families"]
    assert families["clean-pairs"] == "fsrcnn, edsr, srgan"
    assert families["unpaired"].split(", ") == methods_of_families(["unpaired"])
