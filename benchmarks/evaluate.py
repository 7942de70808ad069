"""``python -m benchmarks.evaluate``: score folders of images under a named protocol, and compare them."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.callable_module import make_callable
from benchmarks.core.command import Names, Parser, end_process, named_path, refuse_file, refuse_inside, run_command
from benchmarks.core.errors import BenchmarkError, UsageError, WeightsMissing, one_line
from benchmarks.core.text import counted

if TYPE_CHECKING:
    from benchmarks.api.entries import MetricEntry
    from benchmarks.data.file_pairs import Crop, FilePairs
    from benchmarks.data.lone_images import LoneImages
    from benchmarks.scoring.pairs import Scored, Scorer
    from benchmarks.scoring.protocol import Protocol

EXAMPLES = """\
examples:
  python -m benchmarks.evaluate --sr results/mine --hr Set5/HR --protocol y-shave4
  python -m benchmarks.evaluate --sr results/mine --hr DIV2K_valid_HR --protocol ntire2018 --metrics psnr,ssim
  python -m benchmarks.evaluate --sr mine --sr edsr --sr bicubic --hr HR --protocol rgb     significance of all differences
  python -m benchmarks.evaluate --sr mine --hr Set14 --hr-suffix _HR --sr-suffix _SR --protocol y-shave4
                                            Set14/img_001_HR.png goes with mine/img_001_SR.png
  python -m benchmarks.evaluate --sr mine --hr HR --protocol rgb --metrics psnr,lpips,lpips-vgg,dists --csv scores.csv
  python -m benchmarks.evaluate --sr mine --hr BSD100 --protocol y-shave4 --crop 4         HR of 481x321, results of 480x320
  python -m benchmarks.evaluate --sr mine --hr HR --protocol rgb --crop smaller            the same without knowing the scale
  python -m benchmarks.evaluate --sr mine --sr edsr --hr crops --protocol rgb --photographs crops.csv     of crops
  python -m benchmarks.evaluate --sr mine --hr HR --explain baby         each protocol on one pair, step by step with its numbers
  python -m benchmarks.evaluate --sr mine --hr HR --find 28.42           protocols under which the mean is 28.42 dB
  python -m benchmarks.evaluate --sr mine                                 no ground truth: NIQE, which sees SR images alone
  python -m benchmarks.evaluate --sr mine --sr edsr --metrics niqe,musiq --report page     and a page with the images side by side
  python -m benchmarks.evaluate --list      protocols and metrics

Images are PNG, BMP, TIFF, JPEG or WebP of 8 bits. They lie in the folders themselves: subfolders are not searched. Grey images
get three equal channels, and images are turned upright by their EXIF orientation. Images of 16 bits, transparent pixels and,
without --crop, pairs of different sizes are errors. docs/protocols.md defines the protocols. Lines below the table name files
that are left out, results that are equal to their ground truths, images without contrast, results that are no more like their
ground truths than a plain colour is, or that look like another ground truth (names exchanged), and the like.

In CSV files, a name that a spreadsheet would take for a formula (it begins with =, +, - or @) and a name that begins with an
apostrophe have one apostrophe more in front: without it they are the names again. --photographs reads names either way.

An image that cannot be scored does not stop the others: it is named at the end. If no image can be scored, nothing is printed.
--dry-run names those of which the headers of the files tell it.

exit codes: 0 all scored, 1 images failed (the others are printed and written) or, in a dry run, would fail, 2 wrong use or
something missing (scores of other metrics are printed), 130 or 143 stopped by Ctrl-C or SIGTERM
"""


def make_parser() -> Parser:
    """Parser of the command line."""
    parser = Parser("python -m benchmarks.evaluate", "Score folders of images under a named protocol.", EXAMPLES)
    images = parser.add_argument_group("images")
    images.add_argument(
        "--sr", action="append", type=named_path, default=[], metavar="DIR", help="SR images; give it again to compare methods"
    )
    images.add_argument(
        "--hr",
        type=named_path,
        metavar="DIR",
        help="HR images, the ground truth; without it, no-reference metrics score SR images",
    )
    images.add_argument("--sr-suffix", default="", metavar="TEXT", help="end of the SR images' names, before the extension")
    images.add_argument("--hr-suffix", default="", metavar="TEXT", help="end of the HR images' names, before the extension")
    images.add_argument(
        "--photographs",
        type=named_path,
        metavar="FILE",
        help="CSV of images that show one photograph, 'image,photograph' a line (default: each image is one)",
    )
    scoring = parser.add_argument_group("scoring")
    scoring.add_argument("--protocol", metavar="NAME", help="protocol of comparison; there is no default")
    scoring.add_argument(
        "--metrics",
        nargs="+",
        action=Names,
        default=[],
        metavar="NAME",
        help="separated by commas or blanks (default: psnr ssim; without --hr niqe)",
    )
    scoring.add_argument(
        "--crop",
        metavar="RULE",
        help="smaller: cut pairs of different sizes to the smaller height and width, by 16 pixels at most; a number, such as the "
        "scale: cut all images to multiples of it; both at the lower right (default: different sizes are errors)",
    )
    scoring.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="images scored at a time (default: all cores)"
    )
    explore = parser.add_argument_group("protocols of a number")
    explore.add_argument(
        "--explain",
        nargs="?",
        const="",
        metavar="IMAGE",
        help="print what the protocol, or each, does to one pair, step by step (default: the first pair)",
    )
    explore.add_argument(
        "--find",
        type=float,
        metavar="NUMBER",
        help="print which protocols and other definitions give this mean PSNR in dB, or this SSIM if it is at most 1",
    )
    show = parser.add_argument_group("output")
    show.add_argument("--csv", type=named_path, metavar="FILE", help="also write the numbers of every image, at full precision")
    show.add_argument(
        "--report", type=named_path, metavar="DIR", help="without --hr: also write a page with the scores beside the SR images"
    )
    show.add_argument("--json", action="store_true", help="print JSON in place of tables")
    show.add_argument("--dry-run", action="store_true", help="list the pairs of files and the protocol; score nothing")
    show.add_argument("--list", action="store_true", help="list protocols and metrics; score nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    if options.list:
        return _list()
    if options.explain is not None or options.find is not None:
        return _explore(options)
    _check_options(options)

    from benchmarks.catalog.protocols import get_protocol
    from benchmarks.scoring.without_truth import WITHOUT_TRUTH

    protocol = get_protocol(options.protocol) if options.hr else WITHOUT_TRUTH
    metrics = _metrics(options.metrics or (["psnr", "ssim"] if options.hr else ["niqe"]), protocol, has_truth=bool(options.hr))
    _check_csv(options.csv)
    methods: dict[str, FilePairs] | dict[str, LoneImages] = _file_pairs(options) if options.hr else _lone_images(options)
    notes = _left_out(options)
    if options.dry_run:
        return _dry_run(methods, protocol, metrics, notes)
    return _score(options, methods, protocol, metrics, notes)


def _check_options(options: argparse.Namespace) -> None:
    """Raise UsageError for options that are missing, or that do not go together."""
    needed = ("sr", "hr", "protocol") if options.hr or options.protocol else ("sr",)
    if missing := [name for name in needed if not getattr(options, name)]:
        mend = "" if options.hr else "; without --hr and --protocol, no-reference metrics score the SR images alone"
        raise UsageError(f"--{missing[0]} is missing: give --sr DIR, --hr DIR and --protocol NAME (--list shows them){mend}")
    if options.threads < 1:
        raise UsageError(f"--threads {options.threads}: give 1 or more")
    if not options.hr and (useless := [name for name in ("hr_suffix", "crop") if getattr(options, name)]):
        raise UsageError(f"--{useless[0].replace('_', '-')} is about ground truths: give --hr DIR, or leave it out")
    if options.report and options.hr:
        raise UsageError("--report is for SR images without ground truth: leave --hr and --protocol out, or use benchmarks.run")
    if options.report:
        refuse_file("--report", options.report)
        refuse_inside("--report", options.report, options.sr)


def _lone_images(options: argparse.Namespace) -> dict[str, LoneImages]:
    """SR images without ground truth by name of their folder. Raises UsageError if folders have images of different names."""
    from benchmarks.data.file_pairs import names_of
    from benchmarks.data.lone_images import LoneImages
    from benchmarks.data.matching import images, match

    suffix, methods = options.sr_suffix, dict[str, LoneImages]()
    for name, folder in names_of(options.sr).items():
        if methods:
            match(
                folder,
                options.sr[0],
                suffix,
                suffix,
                "folders have images of the same names, but for --sr-suffix",
                files_only=False,
            )
        paths = images(folder, suffix, files_only=False)
        methods[name] = LoneImages({image: (path,) for image, path in paths.items()})
    return methods


def _file_pairs(options: argparse.Namespace) -> dict[str, FilePairs]:
    """Pairs of files by name of the folder of results. Raises UsageError if names do not agree."""
    from benchmarks.data.file_pairs import FilePairs, names_of, refuse_own_truths
    from benchmarks.data.matching import match

    crop, methods = _crop(options.crop), dict[str, FilePairs]()
    for name, folder in names_of(options.sr).items():
        paths = match(folder, options.hr, options.sr_suffix, options.hr_suffix, files_only=False)
        methods[name] = FilePairs(paths, crop)
        refuse_own_truths(methods[name].paths, folder)
    return methods


def _explore(options: argparse.Namespace) -> int:
    """Explain a pair, or find the protocols of a number."""
    from reports.folders.explorer import print_explanation, print_search

    option = "--find" if options.explain is None else "--explain"
    if options.find is not None and options.explain is not None:
        raise UsageError("--explain and --find: give one of them")
    if not (options.sr and options.hr):
        raise UsageError(f"{option} needs --sr DIR and --hr DIR")
    if options.threads < 1:
        raise UsageError(f"--threads {options.threads}: give 1 or more")
    unused = {"csv", "photographs", "metrics", "report"} & vars(options).get("options_given", set())
    unused |= {"protocol"} if option == "--find" and options.protocol else set()
    unused |= {"dry-run"} if options.dry_run else set()
    if unused:
        raise UsageError(f"{option} prints numbers of all protocols: leave out --{min(unused)}")
    methods = _file_pairs(options)
    if option == "--find":
        if not math.isfinite(options.find):
            raise UsageError(f"--find {options.find}: give a finite number, such as 28.42")
        print_search(methods, options.find, options.threads, as_json=options.json)
        return 0
    if len(methods) > 1:
        raise UsageError("--explain is about one pair: give one --sr DIR")
    print_explanation(next(iter(methods.values())), options.explain, options.protocol, as_json=options.json)
    return 0


def _check_csv(path: Path | None) -> None:
    """Raise UsageError if the file cannot be written, or would replace an image."""
    from benchmarks.data.pixels.decode import SUFFIXES

    if path is None:
        return
    if not (path.name and path.absolute().parent.is_dir() and not path.is_dir()):
        raise UsageError(f"--csv {path}: not a file in a folder that exists: create the folder, or name another file")
    if path.suffix.lower() in SUFFIXES:
        raise UsageError(f"--csv {path}: the name is that of an image, which would be lost: name a file such as scores.csv")


def _metrics(names: Sequence[str], protocol: Protocol, *, has_truth: bool) -> list[MetricEntry]:
    """Entries of the metrics of ``--metrics``. Raises UsageError if a name is unknown, or a metric does not suit the protocol."""
    from benchmarks.catalog.composites import expanded
    from benchmarks.catalog.metrics import get_metric

    metrics = [get_metric(name) for name in expanded(names)]
    if not has_truth and (compared := [metric.name for metric in metrics if not metric.no_reference]):
        mend = "give --hr DIR and --protocol NAME, or metrics without reference, such as niqe"
        raise UsageError(f"--metrics {' '.join(names)}: {', '.join(compared)} compare with a ground truth: {mend}")
    unsuitable = [metric.name for metric in metrics if metric.target and not protocol.view]
    if unsuitable:
        raise UsageError(f"protocol {protocol.name} has PSNR and SSIM only: for {', '.join(unsuitable)} use rgb or aligned-rgb")
    return metrics


def _crop(text: str | None) -> Crop | None:
    from benchmarks.data.file_pairs import crop_rule

    if text is None:
        return None
    try:
        return crop_rule(text.lower())
    except ValueError:
        raise UsageError(f"--crop {text}: give smaller, or a number from 2 to 1000 such as the scale, 4") from None


def _left_out(options: argparse.Namespace) -> list[str]:
    """Lines about files and subfolders that are left out, once for each folder."""
    from benchmarks.core.files import real_path
    from benchmarks.data.matching import left_out

    folders = [(folder, options.sr_suffix) for folder in options.sr]
    if not options.hr:
        return [line for folder, suffix in folders for line in left_out(folder, suffix)]
    if real_path(options.hr) in [real_path(folder) for folder in options.sr]:  # names tell results and ground truths apart
        return left_out(options.hr)
    return [line for folder, suffix in (*folders, (options.hr, options.hr_suffix)) for line in left_out(folder, suffix)]


def _dry_run(
    methods: Mapping[str, FilePairs | LoneImages], protocol: Protocol, metrics: Sequence[MetricEntry], notes: Sequence[str]
) -> int:
    for name, pairs in methods.items():
        names = ", ".join(metric.name for metric in metrics)
        print(f"{name}: {counted(len(pairs.paths), 'image')} under {protocol.name} v{protocol.version}: {names}")
        for paths in pairs.paths.values():
            print("", *paths, sep="  ")
    for note in notes:
        print(one_line(note))
    failures = {name: reasons for name, pairs in methods.items() if (reasons := _failing(pairs))}
    return _say_failures(failures)


def _failing(pairs: FilePairs | LoneImages) -> dict[str, str]:
    """Reasons why images cannot be scored, as far as the headers of their files tell."""
    reasons = {}
    for image in pairs.paths:
        try:
            pairs.check(image)
        except UsageError as error:
            reasons[image] = str(error)
    return reasons


def _say_failures(failures: Mapping[str, Mapping[str, str]]) -> int:
    """Print a line for each image that failed, and return the exit code."""
    for name, reasons in failures.items():
        for image, reason in reasons.items():
            print(f"error: {one_line(f'{name}, {image}: {reason}')}", file=sys.stderr)
    return BenchmarkError.exit_code if failures else 0


def _score(
    options: argparse.Namespace,
    methods: Mapping[str, FilePairs | LoneImages],
    protocol: Protocol,
    metrics: Sequence[MetricEntry],
    notes: Sequence[str],
) -> int:
    from benchmarks.catalog.composites import composites_of
    from benchmarks.core.files import check_writable, write_text
    from benchmarks.data.file_pairs import same_results
    from benchmarks.data.photographs import read_photographs
    from benchmarks.scoring.pairs import Scorer
    from reports.scores import MethodScores, ScoreSheet, print_sheet, to_csv, to_json

    if options.csv:  # before minutes are spent on scores that could not be written
        check_writable(options.csv)
    groups = read_photographs(options.photographs, list(next(iter(methods.values())).paths)) if options.photographs else {}
    scorer = Scorer([protocol], metrics, threads=options.threads, keep_going=True)
    if not scorer.empty().scores[protocol.name]:
        raise WeightsMissing("; ".join(scorer.empty().missing.values()))
    scored = {name: _score_folder(name, pairs, scorer) for name, pairs in methods.items()}
    failures = {name: one.failures for name, one in scored.items() if one.failures}
    columns = {name: one.scores[protocol.name] for name, one in scored.items() if any(one.scores[protocol.name].values())}
    if not columns:
        raise _nothing_scored(failures)
    missing = scorer.empty().missing
    shifts = {name: one.shifts.get(protocol.name, {}) for name, one in scored.items()}
    found = [f"{name}: {line}" for name, pairs in methods.items() for line in pairs.lines(shifts[name])] + same_results(methods)
    sheet = ScoreSheet(
        protocol,
        tuple(MethodScores(name, column, shifts[name]) for name, column in columns.items()),
        missing,
        tuple(one_line(note) for note in (*notes, *found)),
        failures,
        crop=next(iter(methods.values())).crop,
        groups=groups,
        composites=tuple(composites_of(options.metrics)),
    )
    print(to_json(sheet)) if options.json else print_sheet(sheet)
    if options.csv:
        write_text(options.csv, to_csv(sheet))
    if options.report:
        from reports.folders.lone_images import build_report

        files = {name: {image: paths[0] for image, paths in images.paths.items()} for name, images in methods.items()}
        print(f"report   {build_report(sheet, files, options.report)}", file=sys.stderr if options.json else sys.stdout)
    code = _say_failures(failures)
    for reason in missing.values():
        print(reason, file=sys.stderr)
    return code or (WeightsMissing.exit_code if missing else 0)


def _score_folder(name: str, pairs: FilePairs | LoneImages, scorer: Scorer) -> Scored:
    from benchmarks.core.progress.step_progress import StepProgress

    with StepProgress(f"score {name}") as progress:
        loads = {image: partial(pairs.load, image) for image in pairs.paths}
        return scorer.score(loads, lambda done, of: progress.update(done, of, {}))


def _nothing_scored(failures: Mapping[str, Mapping[str, str]]) -> UsageError:
    """Error where every image of every folder failed: the first reason, and how many others there are."""
    reasons = [f"{image}: {reason}" for images in failures.values() for image, reason in images.items()]
    others = f" (and {counted(len(reasons) - 1, 'other image')} failed, so nothing is scored)" if len(reasons) > 1 else ""
    mend = ": --metrics musiq takes images of 32x32 pixels or more" if "NIQE needs" in reasons[0] else ""
    return UsageError(f"{reasons[0]}{others}{mend}")


def _list() -> int:
    from benchmarks.catalog.composites import COMPOSITES
    from benchmarks.catalog.metrics import METRICS
    from benchmarks.catalog.protocols import PROTOCOLS, get_protocol

    print("protocols:")
    for protocol in map(get_protocol, PROTOCOLS):
        print(f"  {protocol.name:<{max(map(len, PROTOCOLS))}} v{protocol.version} {protocol.title}")
    print(f"metrics:\n  {', '.join(METRICS)}; and pyiqa's by name, such as ms_ssim, brisque (it downloads their weights)")
    print("composite scores, of means of metrics:")
    for entry in COMPOSITES.values():
        print(f"  {entry.name} v{entry.version} {' '.join(entry.metrics)}: {entry.source}")
    return 0


make_callable(__name__, "benchmarks.public.scores:evaluate")  # benchmarks.evaluate(sr, hr, protocol)

if __name__ == "__main__":
    end_process(main())
