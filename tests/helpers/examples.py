"""Worked examples of CONTRIBUTING.md: the files that each adds, and its lines for registries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.conftest import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"(?P<paragraph>(?:[^\n]+\n)+)\n```(?:python|toml)\n(?P<content>.*?)^```", re.S | re.M)
PATH = re.compile(r"`([\w-]+(?:/[\w.-]+)+\.(?:py|toml))`")
LINE = re.compile(r"^In `(?P<tuple>\w+)` of `(?P<path>[\w./-]+)`:\n\n```python\n(?P<line>[^\n]+)\n```", re.M)


@dataclass(frozen=True)
class Example:
    """A section of CONTRIBUTING.md: new files by path, and lines for tuples of existing files."""

    heading: str
    files: dict[str, str]
    lines: list[tuple[str, str, str]]  # path, name of the tuple, line


def examples() -> list[Example]:
    sections = re.findall(r"^## (Add [^\n]+)\n(.*?)(?=^## |\Z)", TEXT, re.S | re.M)
    return [
        Example(
            heading,
            dict(new_files(text)),
            [(found["path"], found["tuple"], found["line"]) for found in LINE.finditer(text)],
        )
        for heading, text in sections
    ]


def new_files(section: str) -> Iterator[tuple[str, str]]:
    """Path and content of each block whose paragraph ends with the path of a file that does not exist."""
    for block in BLOCK.finditer(section):
        paths = PATH.findall(block["paragraph"])
        if paths and not (ROOT / paths[-1]).exists():
            yield paths[-1], block["content"]


EXAMPLES = examples()
