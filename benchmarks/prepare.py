"""``python -m benchmarks.prepare``: download and verify data sets and weights before a run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from benchmarks.core.command import Names, Parser, end_process, go_offline_if_asked, named_path, run_command
from benchmarks.core.errors import BenchmarkError, UsageError, one_line
from benchmarks.core.text import counted

if TYPE_CHECKING:
    from benchmarks.data.acquisition.items import Item

EXAMPLES = """\
examples:
  python -m benchmarks.prepare --list                   data sets and weights: state, size, licence
  python -m benchmarks.prepare --profile demo           all data sets and weights that a run of the profile needs
  python -m benchmarks.prepare div2k-track2             the paper's data, 4.3 GB
  python -m benchmarks.prepare set5 lpips-alex          data sets and weights by name
  python -m benchmarks.prepare div2k-track2 --dry-run   state, size and address of each download
  python -m benchmarks.prepare --verify                 hash all prepared files again and name those that have changed
  python -m benchmarks.prepare div2k-track2 --from-archive DIV2K_train_HR.zip DIV2K_valid_HR.zip

Files go to the user's cache folder, or to the folder in CINCGAN_CACHE; data sets go to the folder in CINCGAN_DATA if that is set.
Folders that were unpacked there by hand are used as they are. A stopped download is resumed.

exit codes: 0 everything is ready, 1 a file is damaged or has another SHA-256, 2 wrong use, a failed download or a full disk,
130 or 143 stopped by Ctrl-C or SIGTERM
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m benchmarks.prepare", "Download data sets and weights, and verify them.", EXAMPLES)
    selection = parser.add_argument_group("selection")
    selection.add_argument("names", nargs="*", action=Names, metavar="NAME", help="data sets and weights")
    selection.add_argument("--all", action="store_true", help="all data sets and weights that have a card")
    selection.add_argument("--profile", metavar="NAME", help="data sets and weights of every method of this profile")
    source = parser.add_argument_group("source")
    source.add_argument(
        "--from-archive", nargs="+", type=named_path, default=[], metavar="FILE", help="use files on this machine"
    )
    source.add_argument("--offline", action="store_true", help="open no internet socket: use local files, name missing ones")
    show = parser.add_argument_group("reports, without downloads")
    show.add_argument("--list", action="store_true", help="show all data sets and weights, and their state")
    show.add_argument("--verify", action="store_true", help="hash all prepared files again")
    show.add_argument("--dry-run", action="store_true", help="show state, size and address of each download")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(
        make_parser(),
        arguments,
        _dispatch,
        interrupted=lambda options: "downloaded bytes are kept; the same command resumes the download",
    )


def _dispatch(options: argparse.Namespace) -> int:
    go_offline_if_asked(options)

    from benchmarks.data.inventory import items

    chosen = items(_names(options))
    if options.list:
        _list(chosen)
        return 0
    if options.verify:
        return _verify(chosen, everything=not (options.names or options.profile))
    waiting = [item for item in chosen if not item.is_complete()]
    local_files = _assign(options.from_archive, waiting, chosen)
    if options.dry_run:
        _dry_run(chosen)
        return 0
    _check_room(waiting, local_files)
    return _prepare(chosen, local_files)


def _names(options: argparse.Namespace) -> list[str] | None:
    """Names of the chosen data sets and weights; None for all."""
    if options.names and (options.all or options.profile):
        raise UsageError("NAME, --all and --profile exclude each other: give one of them")
    if options.profile:
        from benchmarks.planning.inputs import names_of_profile

        return names_of_profile(options.profile)
    if options.names:
        return list(dict.fromkeys(options.names))
    if not (options.all or options.list or options.verify):
        raise UsageError("nothing to prepare: give NAME …, --profile NAME or --all (--list shows what there is)")
    return None


def _list(chosen: Sequence[Item]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("name", "title", "MB", "state", "licence"):
        table.add_column(column, justify="right" if column == "MB" else "left", overflow="fold")
    for card in dict.fromkeys(card for item in chosen for card in item.titles):
        parts = [item for item in chosen if card in item.titles]
        ready = sum(item.is_complete() for item in parts)
        missing = "missing, by hand" if any(item.page for item in parts) else "missing"
        state = "ready" if ready == len(parts) else f"{ready} of {len(parts)} parts" if ready else missing
        size = None if any(item.bytes is None for item in parts) else sum(item.bytes or 0 for item in parts)
        table.add_row(*map(_plain, (card, parts[0].titles[card], _megabytes(size), state, parts[0].licence)))
    Console(width=max(Console().width, 150), highlight=False).print(table)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _verify(chosen: Sequence[Item], *, everything: bool) -> int:
    """Print damaged files, and damaged stacks of decoded images if ``everything`` is verified.

    Returns:
        Exit code: 1 if a file is damaged, 2 if a named item is not prepared at all, else 0.
    """
    from benchmarks.data import cache

    begun = [item for item in chosen if item.is_begun()]
    problems = [problem for item in begun for problem in item.damaged()]
    if everything:
        states = list(cache.verify())
        problems += [f"{path}: changed: remove it, and it is made anew" for path, state in states if state == "damaged"]
        if unused := [path for path, state in states if state == "of another version"]:
            number = counted(len(unused), "file of decoded images", "files of decoded images")
            print(f"{unused[0].parent}: {number} of another version, not looked at: nothing uses them, the folder may be deleted")
    absent = [] if everything else [item.name for item in chosen if not item.is_begun()]
    for line in [*problems, *(f"{name}: not prepared" for name in absent)]:
        print(line, file=sys.stderr)
    mend = ": remove what has changed, then prepare it again" if problems else ""
    print(f"{len(begun)} verified, {counted(len(problems), 'problem')}{mend}")
    return BenchmarkError.exit_code if problems else UsageError.exit_code if absent else 0


def _assign(files: Sequence[Path], waiting: Sequence[Item], chosen: Sequence[Item]) -> dict[str, Path]:
    """The user's file of each item, by names of files; a single file for a single item may have any name."""
    local_files: dict[str, Path] = {}
    for file in files:
        fitting = [item for item in chosen if item.is_file(file)]
        names = list(filter(None, (item.file_name for item in chosen)))
        takers = waiting or chosen
        if not fitting and (len(files) == 1 or not names) and len(takers) == 1:
            fitting = list(takers)
        if fitting and not fitting[0].file_name:
            mend = f"put the files into {fitting[0].folder}, and run the command without --from-archive"
            raise UsageError(f"--from-archive {file}: {fitting[0].name} is no archive but single files: {mend}")
        if not fitting and not waiting:
            raise UsageError(f"--from-archive {file}: everything is here already, and nothing is read: leave it out")
        if not fitting:
            known = f"rename it to one of {', '.join(names)}" if names else "leave it out"
            raise UsageError(f"--from-archive {file}: its name is not that of an archive: {known}")
        if not file.is_file():
            reason = "no file" if file.exists() else "No such file or directory"
            raise UsageError(f"{file}: cannot be read ({reason}): give the file {fitting[0].file_name}")
        local_files[fitting[0].name] = file
    return local_files


def _dry_run(chosen: Sequence[Item]) -> None:
    for item in chosen:
        by_hand = f", in a browser, then --from-archive {quote(item.file_name)}" if item.page else ""
        origin = f", {_megabytes(item.bytes)} MB from {item.origin}{by_hand}"
        print(f"{item.name}: {item.state()}" + ("" if item.is_complete() else origin))


def _check_room(waiting: Sequence[Item], local_files: Mapping[str, Path]) -> None:
    """Raise UsageError if a disk has no room for all items, unpacked, and for the largest archive beside them."""
    import shutil

    from benchmarks.core.files import existing

    try:
        disks = {item.name: existing(item.folder).stat().st_dev for item in waiting}
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read ({error.strerror}): check CINCGAN_CACHE and CINCGAN_DATA") from error
    for disk in set(disks.values()):
        items = [item for item in waiting if disks[item.name] == disk]
        sizes = [item.room(has_file=item.name in local_files) for item in items]
        needed = sum(unpacked for unpacked, _ in sizes) + max(beside for _, beside in sizes)
        free = shutil.disk_usage(existing(items[0].folder)).free
        if needed > free:
            room = f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB free"
            folder = items[0].folder.parent
            raise UsageError(f"{folder}: {room}: free some, or set CINCGAN_CACHE or CINCGAN_DATA to another folder")


def _prepare(chosen: Sequence[Item], local_files: dict[str, Path]) -> int:
    """Prepare items one after the other; a failure does not stop the rest. Returns the exit code."""
    from benchmarks.core.progress.transfer_progress import TransferProgress

    codes = [0]
    for item in chosen:
        try:
            with TransferProgress() as progress:
                item.prepare(local_files.get(item.name), progress)
        except BenchmarkError as error:
            print(f"error: {one_line(str(error))}", file=sys.stderr)
            codes.append(error.exit_code)
        else:
            print(f"{item.name}: {item.state()}, {item.folder}")
    return max(codes)


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:,.0f}"


if __name__ == "__main__":
    end_process(main())
