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

PAGES = sorted((ROOT / "docs").rglob("*.md"))
OTHERS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "examples/plugin/README.md")
DOCUMENTS = [*(ROOT / name for name in OTHERS), *PAGES]

MARK = "<!-- example -->"
BLOCK = re.compile(rf"^(?P<mark>{MARK}\n)?```(?:bash|shell|sh|console)\n(?P<content>.*?)^```", re.S | re.M)
FENCED = re.compile(r"^```[^\n]*\n(?P<content>.*?)^```$", re.S | re.M)
PROGRAM = r"(?<!from )cincgan(?:-bench|:cuda|\.sif)?"  # the console script, and images of containers, whose command it is
CALL = re.compile(rf"(?:-m (?P<module>benchmarks\.\w+|reports\.\w+)|{PROGRAM} (?P<command>[a-z][a-z-]*))(?P<arguments>.*)")
COMMAND = re.compile(r"[$ ]*(?:python3? -m|cincgan-bench|pipx?|uvx|tox|apt-get|git|docker|apptainer) ")


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


def code_in_prose(document: Path) -> list[str]:
    """Code between single backticks, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", FENCED.sub("", document.read_text(encoding="utf-8")))


def commands_of_other_blocks(document: Path) -> Iterator[str]:
    """Lines of commands in blocks of another language, or of none."""
    for found in FENCED.finditer(BLOCK.sub("", document.read_text(encoding="utf-8"))):
        yield from (line for line in found["content"].splitlines() if COMMAND.match(line))


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
