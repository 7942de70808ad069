"""Parts of Markdown documents that a command writes, each between two marks."""

from __future__ import annotations

import re

from benchmarks.core.errors import UsageError

END = "<!-- end of what it has written -->"


def begin(command: str) -> str:
    """The mark before the part that a command writes."""
    return f"<!-- written by {command} -->"


def with_block(text: str, command: str, block: str, where: str) -> str:
    """The document with the part that a command writes replaced.

    Args:
        text: the document.
        command: names the part, and is what a reader types to write it again.
        block: the new part.
        where: the document's name, for the error.

    Raises:
        UsageError: the document lacks the marks.
    """
    before, mark, rest = text.partition(begin(command))
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise UsageError(f"{where}: the marks '{begin(command)}' and '{END}' are missing: write both where the part belongs")
    return f"{before}{mark}\n\n{block}\n\n{end}{after}"


def commands(text: str) -> list[str]:
    """Commands that write parts of a document, in the order of the parts."""
    return re.findall(f"{re.escape(begin('COMMAND')).replace('COMMAND', '(.+?)')}\n.*?{re.escape(END)}", text, re.DOTALL)
