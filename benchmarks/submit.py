"""``python -m benchmarks.submit``: a result file from SR images alone, to stand beside the results of others."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.command import (
    Names,
    Parser,
    add_changes,
    go_offline_if_asked,
    named_path,
    refuse_file,
    refuse_inside,
    run_command,
)
from benchmarks.core.errors import UsageError, WeightsMissing, one_line
from benchmarks.core.text import counted, number
from benchmarks.results.layout import RESULT

if TYPE_CHECKING:
    from benchmarks.catalog.profiles import Profile
    from benchmarks.public.submission import Submitted
    from benchmarks.results.submission import SubmissionCard

EXAMPLES = """\
examples:
  python -m benchmarks.submit --sr results/mine --method mine --dataset set5
  python -m benchmarks.submit --sr results/mine --method mine --dataset set14 --protocols y-shave4 --card card.toml
  python -m benchmarks.submit --sr mine/photos --method mine --data-dir photos      of your own HR images
  python -m reports.build --results runs --results submissions/mine --output report     beside a run, in one leaderboard

SR images have the names of the data set's test images, and their sizes: nothing is cropped or resized. Images that are missing,
broken, exchanged, or the ground truths themselves are refused, and nothing is stored then. The result is a folder like that of a
run: scores of every image, protocols with their versions, digests of the data and of the images, and six of the images.

card.toml describes the method in the authors' words; every key is optional, and nothing of it is checked:
  title = "A longer name"        authors = "A. Author, B. Author"       family = "unpaired-direct"
  url = "https://example.org"    trained_on = "DF2K, unpaired"          licence = "CC-BY-4.0"
  by = "the authors"             note = "x4 model of release 2"

exit codes: 0 stored, 1 a metric failed, 2 wrong use, images that are refused, or weights of a metric missing (other scores are
stored), 130 or 143 stopped by Ctrl-C or SIGTERM
"""


def make_parser() -> Parser:
    """Parser of the command line."""
    parser = Parser("python -m benchmarks.submit", "Store scores of SR images that were made elsewhere.", EXAMPLES)
    parser.add_argument("--sr", type=named_path, metavar="DIR", help="SR images, which have the names of the test images")
    parser.add_argument("--sr-suffix", default="", metavar="TEXT", help="end of their names, before the extension")
    parser.add_argument("--method", metavar="NAME", help="name of the method, that of the row")
    parser.add_argument("--card", type=named_path, metavar="FILE", help="TOML file that describes the method")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the training, if images of several are submitted")
    data = parser.add_argument_group("data and protocols")
    data.add_argument("--dataset", metavar="NAME", help="data set (python -m benchmarks.run --list)")
    data.add_argument("--data-dir", type=named_path, metavar="DIR", help="folder of your own HR images, in place of --dataset")
    data.add_argument("--protocols", nargs="+", action=Names, metavar="NAME", help="protocols (default: the profile's)")
    data.add_argument("--metrics", nargs="+", action=Names, metavar="NAME", help="metrics (default: the profile's)")
    data.add_argument("--profile", default="demo", metavar="NAME", help="profile with protocols, metrics, degradation")
    add_changes(data)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--output", type=named_path, metavar="DIR", help="results folder (default: submissions/ and the method's name)"
    )
    output.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="images scored at a time")
    output.add_argument("--offline", action="store_true", help="fetch nothing")
    output.add_argument("--dry-run", action="store_true", help="list pairs of images; score nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.public.submission import find_images

    missing = [name for name in ("sr", "method") if not getattr(options, name)]
    if missing or bool(options.dataset) == bool(options.data_dir):
        what = f"--{missing[0]} is missing" if missing else "one of --dataset and --data-dir is needed"
        raise UsageError(f"{what}: give --sr DIR, --method NAME and --dataset NAME")
    if options.threads < 1:
        raise UsageError(f"--threads {options.threads}: give 1 or more")
    if options.seed is not None and not 0 <= options.seed < 2**31:
        raise UsageError(f"--seed {options.seed}: give a whole number from 0 to {2**31 - 1}")
    output = options.output or Path("submissions") / options.method
    refuse_inside("--output", output, (options.sr, options.data_dir))
    refuse_file("--output", output)
    go_offline_if_asked(options)
    submitted = find_images(
        options.sr,
        options.method,
        options.data_dir or options.dataset,
        _profile(options),
        suffix=options.sr_suffix,
        seed=options.seed,
        card=_card(options.card),
    )
    return _dry_run(submitted) if options.dry_run else _score(submitted, output, options.threads)


def _profile(options: argparse.Namespace) -> Profile:
    """The profile with protocols and metrics of the command line."""
    from benchmarks.catalog.composites import expanded
    from benchmarks.catalog.profiles import load_profile

    profile = load_profile(options.profile, options.changes)
    protocols = tuple(dict.fromkeys(options.protocols or profile.protocols))
    return replace(profile, protocols=protocols, metrics=tuple(expanded(options.metrics or profile.metrics)))


def _card(path: Path | None) -> SubmissionCard | None:
    """The card of ``--card``. Raises UsageError where it is invalid, or has characters that cannot be printed."""
    from benchmarks.core.strict import build, read_toml
    from benchmarks.results.submission import SubmissionCard

    if path is None:
        return None
    card = build(SubmissionCard, read_toml(path), str(path))
    if unprintable := [text for text in card.texts() if not text.isprintable()]:
        raise UsageError(f"{path}: {unprintable[0][:40]!a} has characters that cannot be printed: write it in one line")
    return card


def _dry_run(submitted: Submitted) -> int:
    protocols = ", ".join(f"{name} v{version}" for name, version in submitted.settings.protocols.items())
    print(f"{submitted.name}: {counted(len(submitted.paths), 'image')} of {submitted.cell.dataset} under {protocols}")
    for name, path in submitted.paths.items():
        print(one_line(f"  {name}  {path}"))
    return 0


def _score(submitted: Submitted, output: Path, threads: int) -> int:
    from benchmarks.catalog.metrics import get_metric
    from benchmarks.core.progress.step_progress import StepProgress
    from benchmarks.execution.workspace import Workspace
    from benchmarks.public.submission import check_images, score_images

    remarks = check_images(submitted)
    workspace = Workspace(output)
    workspace.check_writable()
    with workspace.locked(), StepProgress(f"score {submitted.name}") as progress:
        stored = score_images(submitted, workspace, threads, lambda done, of: progress.update(done, of, {}))
    for remark in remarks:
        print(one_line(remark))
    for protocol, means in stored.result.summary.items():
        entries = [(get_metric(name), mean) for name, mean in means.items()]
        scores = ", ".join(f"{entry.label} {number(mean.mean, entry.digits)} {entry.unit}".rstrip() for entry, mean in entries)
        print(f"{protocol}: {scores}")
    print(f"result   {stored.folder / RESULT}")
    print(f"report   python -m reports.build --results RUN --results {output} --output report")
    for reason in stored.result.missing.values():
        print(reason, file=sys.stderr)
    return WeightsMissing.exit_code if stored.result.missing else 0


if __name__ == "__main__":
    sys.exit(main())
