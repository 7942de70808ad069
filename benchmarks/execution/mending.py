"""The command line that computes a damaged cell again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from benchmarks.core.errors import DamagedCell, UsageError

SWITCHES = ("--dry-run", "--markdown", "--force")  # not of the command that mends, or at its end
WITH_VALUE = ("--step-times", "--cell")


def naming_the_mend(run: Callable[[], int], line: Sequence[str]) -> int:
    """Run a command. An error of a damaged cell ends with the command line that computes the cell again.

    Args:
        run: runs the command and returns its exit code.
        line: words of its command line.

    Raises:
        UsageError: in place of DamagedCell, with the command line.
    """
    try:
        return run()
    except DamagedCell as error:
        raise UsageError(f"{error}: {mending_command(line, error.cell)}") from error


def mending_command(line: Sequence[str], cell: str) -> str:
    """The command line with which the same plan has one cell computed again."""
    words, is_value = list[str](), False
    for word in line:
        if not is_value and word not in SWITCHES and word.partition("=")[0] not in WITH_VALUE:
            words.append(word)
        is_value = word in WITH_VALUE
    return f"{shlex.join(words)} --cell {cell} --force"
