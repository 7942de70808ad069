"""Targets of the fuzzer on seeded examples and on inputs of earlier findings; ``tox -e fuzz`` searches for more."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.targets import ALLOWED, TARGETS, seeds

SLOW = (
    "result_mutated",
    "profile_mutated",
    "reference_mutated",
    "toml_mutated",
    "setting",
    "names",
    "toml_text",
    "reference_text",
)
FOUND: list[tuple[str, bytes]] = [
    # Pillow: TypeError "Missing dimensions" of a TIFF without its sizes
    ("image", b"II*\x00\x08\x00\x00\x00\x01\x00\x06\x01\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"),
    # zipfile: RuntimeError of an encrypted member, NotImplementedError of a compression and of a version
    ("member", b"encrypted"),
    ("member", b"compression"),
    ("member", b"version"),
    # zipfile: UnicodeDecodeError of a name
    ("member", b"name"),
    # tomllib: RecursionError
    ("toml_text", b"a = " + b"[" * 5000),
    ("setting", b"\x01" + b"[" * 5000),
    # msgspec: UnicodeEncodeError of a lone surrogate, which the command line makes of other bytes
    ("setting", b"\x00machine=\xff"),
    # read as two settings
    ("setting", b"\x011\nthreads=2"),
]


def zipped(kind: bytes) -> bytes:
    """A sound wheel with one wrong field in its directory."""
    packed = bytearray(seeds("member")[0])
    entry = packed.rindex(b"PK\x01\x02")
    if kind == b"encrypted":
        packed[6] |= 1
        packed[entry + 8] |= 1
    elif kind == b"compression":
        packed[8] = packed[entry + 10] = 99
    elif kind == b"version":
        packed[entry + 6] = 255
    elif kind == b"name":
        packed[entry + 9] |= 8  # UTF-8
        packed[entry + 46] = 0xFF
    return bytes(packed)


@pytest.mark.parametrize(("name", "data"), FOUND, ids=[f"{name}-{place}" for place, (name, _) in enumerate(FOUND)])
def test_inputs_that_once_raised_foreign_errors(name: str, data: bytes, tmp_path: Path) -> None:
    try:
        TARGETS[name](zipped(data) if name == "member" else data, tmp_path)
    except ALLOWED as error:
        assert str(error)


@pytest.mark.parametrize("name", TARGETS)
def test_sound_inputs_are_taken(name: str, tmp_path: Path) -> None:
    """Sound inputs must pass: otherwise targets would only test their first check."""
    refusals = []
    for data in seeds(name):
        try:
            TARGETS[name](data, tmp_path)
        except ALLOWED as error:
            refusals.append(str(error))
    assert len(refusals) < len(seeds(name)), refusals


@pytest.mark.parametrize("name", TARGETS)
def test_only_our_own_errors(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, sound = tmp_path_factory.mktemp(name), seeds(name)

    @seed(zlib.crc32(name.encode()))
    @settings(max_examples=12 if name in SLOW else 40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(st.binary(max_size=200), damaged(sound)))
    def check(data: bytes) -> None:
        try:
            TARGETS[name](data, folder)
        except ALLOWED as error:
            assert str(error)

    check()


@st.composite
def damaged(draw: st.DrawFn, sound: list[bytes]) -> bytes:
    """A sound input, cut off, or with a few bytes replaced."""
    data = bytearray(draw(st.sampled_from(sound)))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)
