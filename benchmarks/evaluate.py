"""``python -m benchmarks.evaluate``: score folders of images under a named protocol, and compare them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.command import Parser, named_path, run_command
from benchmarks.core.errors import UsageError, WeightsMissing

if TYPE_CHECKING:
    from benchmarks.api.entries import MetricEntry
    from benchmarks.api.image import Image
    from benchmarks.scoring.protocol import Protocol
    from reports.scores import MethodScores

EXAMPLES = """\
examples:
  python -m benchmarks.evaluate --sr results/mine --hr Set5/HR --protocol y-shave4
  python -m benchmarks.evaluate --sr results/mine --hr DIV2K_valid_HR --protocol ntire2018 --metrics psnr,ssim
  python -m benchmarks.evaluate --sr mine --sr edsr --sr bicubic --hr HR --protocol rgb     significance of all differences
  python -m benchmarks.evaluate --sr mine --hr Set14 --hr-suffix _HR --sr-suffix _SR --protocol y-shave4
                                            Set14/img_001_HR.png goes with mine/img_001_SR.png
  python -m benchmarks.evaluate --sr mine --hr HR --protocol rgb --metrics psnr,lpips,lpips-vgg,dists --csv scores.csv
  python -m benchmarks.evaluate --list      protocols and metrics

Images are PNG, BMP, TIFF, JPEG or WebP of 8 bits. Grey images get three equal channels; images of 16 bits, transparent pixels and
pairs of different sizes are errors: nothing is converted, cropped or resized silently. docs/protocols.md defines the protocols.

exit codes: 0 all scored, 1 something failed, 2 wrong use or something missing (what could be scored is printed), 130 interrupted
"""


def make_parser() -> Parser:
    """Parser of the command line."""
    parser = Parser("python -m benchmarks.evaluate", "Score folders of images under a named protocol.", EXAMPLES)
    images = parser.add_argument_group("images")
    images.add_argument(
        "--sr", action="append", type=named_path, default=[], metavar="DIR", help="SR images; give it again to compare methods"
    )
    images.add_argument("--hr", type=named_path, metavar="DIR", help="HR images, the ground truth")
    images.add_argument("--sr-suffix", default="", metavar="TEXT", help="end of the SR images' names, before the extension")
    images.add_argument("--hr-suffix", default="", metavar="TEXT", help="end of the HR images' names, before the extension")
    scoring = parser.add_argument_group("scoring")
    scoring.add_argument("--protocol", metavar="NAME", help="protocol of comparison; there is no default")
    scoring.add_argument("--metrics", default="psnr,ssim", metavar="NAMES", help="comma-separated (default: psnr,ssim)")
    scoring.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="images scored at a time (default: all cores)"
    )
    show = parser.add_argument_group("output")
    show.add_argument("--csv", type=named_path, metavar="FILE", help="also write the numbers of every image, at full precision")
    show.add_argument("--json", action="store_true", help="print machine-readable results instead of tables")
    show.add_argument("--dry-run", action="store_true", help="list the pairs of files and the protocol; score nothing")
    show.add_argument("--list", action="store_true", help="list protocols and metrics; score nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    if options.list:
        return _list()
    missing = [name for name in ("sr", "hr", "protocol") if not getattr(options, name)]
    if missing:
        raise UsageError(f"--{missing[0]} is missing: give --sr DIR, --hr DIR and --protocol NAME (--list shows them)")
    if options.threads < 1:
        raise UsageError(f"--threads {options.threads}: give 1 or more")

    from benchmarks.catalog.protocols import get_protocol
    from benchmarks.data.matching import match

    protocol = get_protocol(options.protocol)
    metrics = _metrics(options.metrics, protocol)
    pairs = {name: match(folder, options.hr, options.sr_suffix, options.hr_suffix) for name, folder in _names(options.sr).items()}
    if options.dry_run:
        return _dry_run(pairs, protocol, metrics)
    if options.csv is not None and not (options.csv.name and options.csv.absolute().parent.is_dir() and not options.csv.is_dir()):
        raise UsageError(f"--csv {options.csv}: not a file in a folder that exists: create the folder, or name another file")
    return _score(options, pairs, protocol, metrics)


def _metrics(text: str, protocol: Protocol) -> list[MetricEntry]:
    """Entries of the metrics of ``--metrics``. Raises UsageError if a name is unknown, or a metric does not suit the protocol."""
    from benchmarks.catalog.metrics import get_metric

    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UsageError("--metrics is empty: give names such as psnr,ssim,lpips (--list shows them)")
    metrics = [get_metric(name) for name in names]
    unsuitable = [metric.name for metric in metrics if metric.target and not protocol.view]
    if unsuitable:
        raise UsageError(f"protocol {protocol.name} has PSNR and SSIM only: for {', '.join(unsuitable)} use rgb or aligned-rgb")
    return metrics


def _names(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders by their names in tables: the last part of each path, or the whole path if last parts are equal."""
    short = [folder.resolve().name for folder in folders]
    names = short if len(set(short)) == len(short) else [str(folder) for folder in folders]
    if len(set(names)) < len(names):
        raise UsageError("--sr: the same folder is given twice: give it once")
    return dict(zip(names, folders, strict=True))


Paths = dict[str, tuple[Path, Path]]


def _dry_run(pairs: dict[str, Paths], protocol: Protocol, metrics: Sequence[MetricEntry]) -> int:
    for name, paths in pairs.items():
        print(f"{name}: {len(paths)} images under {protocol.name} v{protocol.version}: {', '.join(m.name for m in metrics)}")
        for sr, hr in paths.values():
            print(f"  {sr}  {hr}")
    return 0


def _score(options: argparse.Namespace, pairs: dict[str, Paths], protocol: Protocol, metrics: Sequence[MetricEntry]) -> int:
    from benchmarks.core.files import write_text
    from reports.scores import ScoreSheet, print_sheet, to_csv, to_json

    missing: dict[str, str] = {}
    methods = [_score_folder(name, paths, protocol, metrics, options.threads, missing) for name, paths in pairs.items()]
    scored = [metric.name for metric in metrics if metric.name not in missing]
    if not scored:
        raise WeightsMissing("; ".join(missing.values()))
    complete = [replace(method, scores={name: method.scores[name] for name in scored}) for method in methods]
    sheet = ScoreSheet(protocol, tuple(complete), missing)
    if options.json:
        print(to_json(sheet))
    else:
        print_sheet(sheet)
    if options.csv:
        write_text(options.csv, to_csv(sheet))
    for reason in missing.values():
        print(reason, file=sys.stderr)
    return WeightsMissing.exit_code if missing else 0


def _score_folder(
    name: str, paths: Paths, protocol: Protocol, metrics: Sequence[MetricEntry], threads: int, missing: dict[str, str]
) -> MethodScores:
    from benchmarks.core.step_progress import StepProgress
    from benchmarks.scoring.pairs import score_pairs
    from reports.scores import MethodScores

    wanted = [metric for metric in metrics if metric.name not in missing]
    with StepProgress(f"score {name}") as progress:
        scored = score_pairs(
            [protocol],
            wanted,
            {image: partial(_load, *pair) for image, pair in paths.items()},
            threads=threads,
            report=lambda done, of: progress.update(done, of, {}),
        )
    missing |= scored.missing
    return MethodScores(name, scored.scores[protocol.name], scored.shifts.get(protocol.name, {}))


def _load(sr: Path, hr: Path) -> tuple[Image, Image]:
    from benchmarks.data.pixels.decode import decode

    return decode(sr, "result", "write it again"), decode(hr, "ground truth", "get it again")


def _list() -> int:
    from benchmarks.catalog.metrics import METRICS
    from benchmarks.catalog.protocols import PROTOCOLS, get_protocol

    print("protocols:")
    for protocol in map(get_protocol, PROTOCOLS):
        print(f"  {protocol.name:<{max(map(len, PROTOCOLS))}} v{protocol.version} {protocol.title}")
    print(f"metrics:\n  {', '.join(METRICS)}; and pyiqa's by name, such as dists, niqe, ms_ssim (it downloads the weights)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
