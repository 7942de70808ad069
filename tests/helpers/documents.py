"""Documents of the repository, and the commands in them.

The commands of a block that is marked as an example are checked against their parsers. Blocks without a mark are run by tests.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")), *PAGES]

MARK = "<!-- example -->"
BLOCK = re.compile(rf"^(?P<mark>{MARK}\n)?```(?:bash|shell|sh|console)\n(?P<content>.*?)^```", re.S | re.M)
CALL = re.compile(r"(?:-m (?P<module>benchmarks\.\w+|reports\.\w+)|^cincgan-bench (?P<command>[a-z-]+))(?P<arguments>.*)")


@dataclass(frozen=True)
class Block:
    """A block of commands.

    Attributes:
        is_example: whether it is marked: readers fill in names and paths of their own.
        lines: command lines without comments; lines that are continued are joined, lines of ``&&`` divided.
    """

    is_example: bool
    lines: list[str]


def blocks(document: Path) -> Iterator[Block]:
    """The blocks of commands of a document."""
    for found in BLOCK.finditer(document.read_text(encoding="utf-8")):
        lines = found["content"].replace("\\\n", " ").splitlines()
        parts = [part.strip() for line in lines for part in re.split(r"&&|; | \| | > ", re.sub(r"(^|\s)#.*", "", line))]
        yield Block(bool(found["mark"]), [part for part in parts if part])


def call(line: str) -> tuple[str, list[str]] | None:
    """Module and arguments of a line that calls a command of the project; None for other lines."""
    from benchmarks.__main__ import COMMANDS

    found = CALL.search(line)
    if not found:
        return None
    arguments = shlex.split(found["arguments"])
    if found["module"]:
        return found["module"], arguments
    command = COMMANDS[found["command"]]
    return command.module, [*command.arguments, *arguments]
