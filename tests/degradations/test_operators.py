"""Every degradation of the catalog, and pipelines of them: deterministic, described, found by name, chosen in profiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.api.entries import Entry
from benchmarks.catalog import degradations, profiles
from benchmarks.catalog.degradations import CLEAN, DEGRADATIONS, make_degradation
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.core.registry import Registry
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.degradations.bicubic import Bicubic
from benchmarks.degradations.operator import Degradation, Pipeline, label, random_stream
from benchmarks.degradations.track2_like import Track2Like
from tests.degradations.operators import Noise, RowBlur

PHOTO = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
OTHER = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
JOINED = Pipeline((RowBlur(3), Bicubic(), Noise(5.0, 3)))


def of_catalog(name: str) -> Degradation:
    """The degradation with the settings of the smallest profile."""
    return load_profile("smoke", [f"degradation={name}"]).degradation


@pytest.fixture
def larger_catalog(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The catalog with two more operators, which do not downscale."""
    more = (Entry("row-blur", "tests.degradations.operators:RowBlur"), Entry("noise", "tests.degradations.operators:Noise"))
    registry = Registry("degradation", (*DEGRADATIONS.values(), *more))
    monkeypatch.setattr(degradations, "DEGRADATIONS", registry)
    monkeypatch.setattr(profiles, "DEGRADATIONS", registry)
    profiles._merged.cache_clear()
    yield
    profiles._merged.cache_clear()


# Every degradation of the catalog


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_degradation_is_decided_by_image_name_and_seed_alone(name: str) -> None:
    operator = of_catalog(name)
    first = operator.degrade(PHOTO, 4, "a")
    assert (first.shape, first.dtype) == ((16, 12, 3), np.uint8)
    operator.degrade(OTHER, 4, "between")
    np.random.seed(7)
    assert np.array_equal(first, operator.degrade(PHOTO, 4, "a"))
    assert np.array_equal(first, of_catalog(name).degrade(PHOTO.copy(), 4, "a")), "another object of the same settings"
    assert np.array_equal(operator.degrade(PHOTO, 4, "b"), first) != operator.random
    if operator.random:
        assert "seed" in {field.name for field in fields(operator)}  # type: ignore[arg-type]
        assert not np.array_equal(first, replace(operator, seed=1).degrade(PHOTO, 4, "a"))  # type: ignore[type-var]


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_degradation_downscales_by_any_scale_and_leaves_its_input(name: str, scale: int) -> None:
    hr = PHOTO[: 64 // scale * scale].copy()
    hr.setflags(write=False)
    assert of_catalog(name).degrade(hr, scale, "a").shape == (64 // scale, 48 // scale, 3)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_degradation_describes_itself(name: str) -> None:
    operator = of_catalog(name)
    assert operator.name == name == label(operator) and operator.parts == (operator,)
    assert operator.parameters == {field.name: getattr(operator, field.name) for field in fields(operator)}  # type: ignore[arg-type]
    assert operator.modules == (type(operator).__module__,)
    (identity,) = operator.identity
    assert identity["name"] == name and identity.items() - {("name", name)} <= operator.parameters.items()
    assert make_degradation(name, {name: operator.parameters}, "test") == operator
    assert type(operator).__doc__ and hash(operator) == hash(of_catalog(name))


def test_a_setting_at_its_default_is_no_part_of_the_identity() -> None:
    operator = of_catalog("track2-like")
    assert isinstance(operator, Track2Like)
    assert "seed" not in operator.identity[0] and operator.parameters["seed"] == 0
    assert replace(operator, seed=3).identity == [{**operator.identity[0], "seed": 3}]


def test_settings_decide_the_images_and_the_digest() -> None:
    card, operator = load_dataset_card("demo-photos"), of_catalog("track2-like")
    noisier = replace(operator, noise_gaussian=40.0)  # type: ignore[type-var]
    assert Dataset(card, operator).digest("test") != Dataset(card, noisier).digest("test")
    assert Dataset(card, operator).digest("z") == Dataset(card, noisier).digest("z")


# Pipelines


@pytest.mark.parametrize("operator", [Bicubic(), of_catalog("track2-like"), JOINED], ids=label)
def test_a_pipeline_of_one_is_the_operator_to_the_bit(operator: Degradation) -> None:
    for name in ("a", "b"):
        assert np.array_equal(Pipeline((operator,)).degrade(PHOTO, 4, name), operator.degrade(PHOTO, 4, name))
    assert Pipeline((operator,)).identity == operator.identity
    assert label(Pipeline((operator,))) == label(operator)


def test_a_pipeline_applies_its_operators_in_their_order_without_rounding_between() -> None:
    image = PHOTO.astype(np.float64)
    blurred = RowBlur(3).apply(image, 4, "a")
    lr = Bicubic().apply(blurred, 4, "a/1")
    noisy = lr + 5.0 * random_stream("a/2", 3).normal(size=lr.shape)
    assert np.array_equal(JOINED.apply(image, 4, "a"), noisy)
    assert np.array_equal(JOINED.degrade(PHOTO, 4, "a"), np.floor(np.clip(noisy, 0, 255) + 0.5).astype(np.uint8))
    swapped = Pipeline((Noise(5.0, 3), RowBlur(3), Bicubic()))
    assert not np.array_equal(swapped.degrade(PHOTO, 4, "a"), JOINED.degrade(PHOTO, 4, "a"))


def test_operators_at_different_positions_draw_different_numbers() -> None:
    image = np.zeros((64, 64, 3))
    first = Noise(1.0).apply(image, 4, "a")
    second = Pipeline((Noise(1.0), Noise(1.0))).apply(image, 4, "a") - first
    assert np.allclose(second, Noise(1.0).apply(image, 4, "a/1"))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


nested = st.recursive(
    st.sampled_from([RowBlur(2), RowBlur(5), Noise(3.0), Noise(3.0, 9)]),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: Pipeline(tuple(parts))),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(nested, nested)
def test_nested_pipelines_are_flat(before: Degradation, after: Degradation) -> None:
    joined = Pipeline((before, Pipeline((Bicubic(),)), after))
    flat = Pipeline((*before.parts, Bicubic(), *after.parts))
    assert joined.parts == flat.parts and not any(isinstance(part, Pipeline) for part in joined.parts)
    assert (joined.identity, joined.parameters, label(joined)) == (flat.identity, flat.parameters, label(flat))
    assert np.array_equal(joined.degrade(OTHER, 4, "a"), flat.degrade(OTHER, 4, "a"))


def test_a_pipeline_describes_itself() -> None:
    assert label(JOINED) == "row-blur + bicubic + noise"
    assert JOINED.parameters == {"row-blur.rows": 3, "noise.sigma": 5.0, "noise.seed": 3}
    assert JOINED.identity == [{"name": "row-blur", "rows": 3}, {"name": "bicubic"}, {"name": "noise", "sigma": 5.0, "seed": 3}]
    assert JOINED.modules == ("tests.degradations.operators", "benchmarks.degradations.bicubic", "tests.degradations.operators")


def test_a_recorded_pipeline_is_made_again(larger_catalog: None) -> None:
    card = load_dataset_card("demo-photos")
    for operator in (JOINED, Bicubic(), of_catalog("track2-like")):
        described = Dataset(card, operator).describe(("test",))
        again = Dataset.recorded(card, str(described["degradation"]), described["parameters"])  # type: ignore[arg-type]
        assert again.degradation == operator
    with pytest.raises(UsageError, match="unknown degradation 'row-blurr': did you mean 'row-blur'"):
        Dataset.recorded(card, "row-blurr + bicubic", {})


@pytest.mark.parametrize(
    ("operator", "sizes"),
    [
        (Pipeline((RowBlur(), Noise())), "48x64 and 48x64"),
        (Pipeline((Bicubic(), Bicubic())), "3x4 and 48x64"),
        (Noise(), "48x64"),
    ],
    ids=["none", "two", "alone"],
)
def test_exactly_one_operator_must_downscale(operator: Degradation, sizes: str) -> None:
    with pytest.raises(
        UsageError, match=rf"degradation '{label(operator).replace('+', '[+]')}': {sizes}.* no pair of scale 4"
    ) as caught:
        operator.degrade(PHOTO, 4, "a")
    assert str(caught.value).endswith(": exactly one of its operators must downscale")


# Names and profiles


def test_an_unknown_degradation_names_the_nearest() -> None:
    for names in ("track2-liek", ("bicubic", "track2-liek")):
        with pytest.raises(
            UsageError, match=r"^unknown degradation 'track2-liek': did you mean 'track2-like'\? known: bicubic, "
        ):
            make_degradation(names, {}, "test")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise_gausian": 1.0}, r"^here: degradations.track2-like: unknown key 'noise_gausian': did you mean 'noise_gaussian'"),
        ({}, r"^here: the keys 'degradations.track2-like.blur_sigma_min', .* are missing: add them"),
        ({"noise_gaussian": -1.0}, r"^here: degradations.track2-like.noise_gaussian is -1.0: a number from 0 to 255 is needed"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(changes: dict[str, Any], message: str) -> None:
    values = {**of_catalog("track2-like").parameters, **changes} if changes else {}
    with pytest.raises(UsageError, match=message):
        make_degradation("track2-like", {"track2-like": values}, "here")


def test_a_profile_takes_one_name_or_a_list() -> None:
    assert of_catalog("bicubic") == Bicubic()
    assert load_profile("smoke", ["degradation=['bicubic']"]).degradation == Bicubic()
    operator = load_profile("smoke", ["degradation=track2-like", "degradations.track2-like.seed=5"]).degradation
    assert isinstance(operator, Track2Like) and operator.seed == 5
    assert load_profile("smoke", ["degradation=bicubic", "degradations.track2-like.seed=5"]).degradation == Bicubic()


def test_a_profile_takes_a_list_of_operators_and_their_settings(larger_catalog: None) -> None:
    changes = ["degradation=['row-blur', 'bicubic', 'noise']", "degradations.row-blur.rows=3", "degradations.noise.sigma=5.0"]
    operator = load_profile("smoke", [*changes, "degradations.noise.seed=3"]).degradation
    assert operator == JOINED
    assert load_profile("smoke", [changes[0]]).degradation == Pipeline((RowBlur(), Bicubic(), Noise()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("degradation=bicubik", "unknown degradation 'bicubik': did you mean 'bicubic'"),
        ("degradation=['bicubic', 'bicubik']", "unknown degradation 'bicubik': did you mean 'bicubic'"),
        ("degradation=[]", "give a name or a list of names"),
        ("degradation=3", "give a name or a list of names"),
        ("degradation=[3]", "give a name or a list of names"),
        ("degradations.track2-lik.seed=1", "unknown key 'track2-lik': did you mean 'track2-like'"),
        ("degradations.track2-like.sead=1", "unknown key 'sead': did you mean 'seed'"),
    ],
)
def test_a_profiles_mistakes_are_one_line(change: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_profile("smoke", [change])
    assert "\n" not in str(caught.value)


def test_the_clean_degradation_is_in_the_catalog_and_draws_nothing() -> None:
    assert CLEAN in DEGRADATIONS and not of_catalog(CLEAN).random
