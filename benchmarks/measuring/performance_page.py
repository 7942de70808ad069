"""Tables of ``docs/performance.md``, made of the files of figures in ``docs/performance``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.core.blocks import END, begin, commands, with_block
from benchmarks.core.errors import UsageError
from benchmarks.core.paths import ROOT
from benchmarks.core.strict import parse_json
from benchmarks.measuring.record import read_record, to_markdown
from benchmarks.planning.step_times import read_figures
from benchmarks.planning.step_times import to_markdown as steps_to_markdown

PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "performance"
COMMAND = "python -m benchmarks.speed page from {name}"


def with_tables(text: str, folder: Path = FIGURES) -> str:
    """The page with each table replaced by that of its file.

    Args:
        text: the page in Markdown. A table stands between the marks of ``COMMAND``, which has the file's name.
        folder: of the files of figures.

    Raises:
        UsageError: the page is not there or has no marks; a mark names no file of figures; a file is shown nowhere.
    """
    before = COMMAND.format(name="")
    shown = {command.removeprefix(before) for command in commands(text) if command.startswith(before)}
    files = {path.name for path in folder.glob("*.json")}
    if not shown:
        marks = f"'{begin(COMMAND)}' and '{END}'"
        raise UsageError(f"{PAGE}: no table: run this in a checkout whose page has the marks {marks}")
    if missing := shown - files:
        raise UsageError(f"{PAGE}: a mark names {sorted(missing)[0]}, which {folder} lacks: add the file, or remove the mark")
    if extra := files - shown:
        raise UsageError(f"{folder / sorted(extra)[0]}: {PAGE.name} does not show it: add its marks, or delete the file")
    for name in shown:
        text = with_block(text, COMMAND.format(name=name), _table(folder / name), str(PAGE))
    return text


def _table(path: Path) -> str:
    """Table of training steps, or tables of a record of all parts."""
    try:
        is_record = isinstance(parse_json(path.read_text(encoding="utf-8")), dict)
    except ValueError as error:
        raise UsageError(f"{path}: not valid JSON ({error}): mend it") from error
    return to_markdown(read_record(path)) if is_record else steps_to_markdown(read_figures(path))
