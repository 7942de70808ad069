"""Wrong values in plain data: the key, what the value is, and what is needed there, in words of TOML and JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import pytest
from msgspec import Meta

from benchmarks.core.errors import UsageError
from benchmarks.core.mismatch import mismatch
from benchmarks.core.strict import build


@dataclass(frozen=True)
class Inner:
    name: ClassVar[str] = "inner"
    steps: Annotated[int, Meta(ge=0, le=1000)]
    rate: Annotated[float, Meta(gt=0)] = 0.5
    mode: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        if self.steps == 13:
            raise ValueError("steps is 13, which brings bad luck")


@dataclass(frozen=True)
class Outer:
    inner: Inner
    sizes: tuple[int, int] = (1, 2)
    names: Annotated[tuple[Annotated[str, Meta(pattern="^[a-z]+$")], ...], Meta(min_length=1)] = ("a",)
    parts: dict[str, Inner] = field(default_factory=dict)
    limit: int | None = None
    free: bool | Annotated[str, Meta(max_length=3)] | list[int] = True
    hashes: dict[Annotated[str, Meta(min_length=2)], int] = field(default_factory=dict)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"inner": {"steps": "x"}}, "a.inner.steps is a text ('x'): a whole number is needed"),
    ({"inner": {"steps": True}}, "a.inner.steps is true: a whole number is needed"),
    ({"inner": {"steps": 1.5}}, "a.inner.steps is a number (1.5): a whole number is needed"),
    ({"inner": {"steps": None}}, "a.inner.steps is null: a whole number is needed"),
    ({"inner": {"steps": date(2024, 1, 1)}}, "a.inner.steps is a date or time (2024-01-01): a whole number is needed"),
    ({"inner": {"steps": 1001}}, "a.inner.steps is 1001: a whole number from 0 to 1,000 is needed"),
    ({"inner": {"steps": 1, "rate": 0}}, "a.inner.rate is 0: a number above 0 is needed"),
    ({"inner": {"steps": 1, "mode": "mena"}}, "a.inner.mode is 'mena': did you mean 'mean'? 'mean' or 'sum' is needed"),
    ({"inner": {"steps": 1, "mode": 3}}, "a.inner.mode is a whole number (3): 'mean' or 'sum' is needed"),
    ({"inner": {"steps": 13}}, "a.inner: steps is 13, which brings bad luck"),
    ({"inner": {}}, "the key 'a.inner.steps' is missing: add it"),
    ({"inner": []}, "a.inner is a list of 0 values: a table is needed"),
    ({"sizes": [1, 2]}, "the key 'a.inner' is missing: add it"),
    ({"inner": {"steps": 1}, "sizes": [1]}, "a.sizes is a list of 1 value: a list of 2 values is needed"),
    ({"inner": {"steps": 1}, "sizes": [1, "b"]}, "a.sizes[1] is a text ('b'): a whole number is needed"),
    ({"inner": {"steps": 1}, "names": []}, "a.names is a list of 0 values: a list of at least 1 value is needed"),
    ({"inner": {"steps": 1}, "names": "a"}, "a.names is a text ('a'): a list is needed"),
    ({"inner": {"steps": 1}, "names": ["b", "B"]}, "a.names[1] is 'B': a text that matches ^[a-z]+$ is needed"),
    ({"inner": {"steps": 1}, "parts": {"p": {"steps": -1}}}, "a.parts.p.steps is -1: a whole number from 0 to 1,000 is needed"),
    ({"inner": {"steps": 1}, "limit": "many"}, "a.limit is a text ('many'): a whole number is needed"),
    ({"inner": {"steps": 1}, "free": "long"}, "a.free is 'long': a text of at most 3 characters is needed"),
    ({"inner": {"steps": 1}, "free": 3}, "a.free is a whole number (3): true or false or a text or a list is needed"),
    ({"inner": {"steps": 1}, "free": [1, "x"]}, "a.free[1] is a text ('x'): a whole number is needed"),
    ({"inner": {"steps": 1}, "hashes": {"x": 1}}, "a key of a.hashes is 'x': a text of at least 2 characters is needed"),
]


@pytest.mark.parametrize(("data", "message"), WRONG)
def test_the_first_wrong_value_is_named(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(Outer, data, "file.toml", "a")
    assert str(caught.value) == f"file.toml: {message}"
    assert mismatch(Outer, data, "a") == message


def test_sound_data_have_no_mismatch() -> None:
    data = {"inner": {"steps": 1}, "free": [1, 2], "limit": None, "parts": {"p": {"steps": 2}}}
    assert mismatch(Outer, data) == ""
    assert build(Outer, data, "file.toml") == Outer(Inner(1), free=[1, 2], parts={"p": Inner(2)})


def test_the_whole_of_the_data_has_no_key() -> None:
    assert mismatch(Outer, [1]) == "the whole is a list of 1 value: a table is needed"
    assert mismatch(dict[str, int], {"steps": "x" * 200}) == f"steps is a text ('{'x' * 59}…): a whole number is needed"
    assert mismatch(Inner, {"steps": 13}) == "steps is 13, which brings bad luck"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"iner": 1}, "file.toml: a: unknown key 'iner': did you mean 'inner'?"),
        ({"inner": {"step": 1}}, "file.toml: a.inner: unknown key 'step': did you mean 'steps'?"),
        ({"inner": {"steps": 1, "name": "x"}}, "file.toml: a.inner: unknown key 'name': "),
        ({"inner": {"steps": 1}, "parts": {"p": {"stepz": -1}}}, "file.toml: a.parts.p: unknown key 'stepz': did you mean"),
    ],
)
def test_unknown_keys_are_named_before_wrong_values(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(Outer, data, "file.toml", "a")
    assert str(caught.value).startswith(message)
