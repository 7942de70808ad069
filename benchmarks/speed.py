"""``python -m benchmarks.speed``: speed and memory of the harness, compared with other implementations on the same machine."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from benchmarks.core.command import Names, Parser, add_changes, end_process, named_path, run_command
from benchmarks.core.errors import BenchmarkError, UsageError

if TYPE_CHECKING:
    from benchmarks.api.image import Image
    from benchmarks.measuring.figures import Figure

EXAMPLES = """\
examples:
  python -m benchmarks.speed evaluation                       on crops of photographs that installed packages ship
  python -m benchmarks.speed tiling --method edsr --profile paper --size 510x339 --tile 224     untrained weights
  python -m benchmarks.speed loading --hr BSDS500/train --batch-size 16 --patch-size 32
  python -m benchmarks.speed training                  a step of every stage at demo size, compared with its reference step
  python -m benchmarks.speed all --output speed.json   all of these, minutes on two cores
  python -m benchmarks.speed training --help           options and examples of a part

Use an idle machine, and compare ratios, not seconds.

exit codes: 0 measured, 1 two implementations give different numbers, or a measurement failed, 2 wrong use or something missing
"""
EVALUATION = """\
examples:
  python -m benchmarks.speed evaluation                       on crops of photographs that installed packages ship
  python -m benchmarks.speed evaluation --hr BSD100 --hr-suffix _HR
  python -m benchmarks.speed evaluation --repeat 1 --json

Times are the best of --repeat runs; the direct loops are measured once.
"""
TILING = """\
examples:
  python -m benchmarks.speed tiling --method cincgan --size 256x192
  python -m benchmarks.speed tiling --method edsr --profile paper --size 510x339 --tile 224

The weights are untrained: time and memory do not depend on them. Everything is measured once.
"""
LOADING = """\
examples:
  python -m benchmarks.speed loading                          on crops of photographs that installed packages ship
  python -m benchmarks.speed loading --hr BSDS500/train --batch-size 16 --patch-size 32

Times are the best of --repeat runs; first batches are measured once.
"""
TRAINING = """\
examples:
  python -m benchmarks.speed training                  a step of every stage at demo size, compared with its reference step
  python -m benchmarks.speed training --profile paper --stages cincgan-inner cincgan-joint --json
  python -m benchmarks.speed training --profile paper --stages edsr --set stages.edsr.training.batch_size=2
  python -m benchmarks.speed training --profile paper --repeat 0          memory and arithmetic only
  python -m benchmarks.speed training --figures docs/performance/paper-steps.json --markdown      a table of docs/performance.md

Times are the best of --repeat runs.
"""
ALL = """\
examples:
  python -m benchmarks.speed all
  python -m benchmarks.speed all --repeat 1 --output speed.json       the record is also written, anew after each part

Start of commands, inference, training patches, scores, and training steps at demo size in both precisions. A measurement whose
prerequisites are missing is named and left out. Times are the best of --repeat runs. benchmarks.run --dry-run takes the steps
of a record by --step-times.
"""
HISTORY = """\
examples:
  python -m benchmarks.speed history figures/*.json --output speed.html
  python -m benchmarks.speed history before.json after.json --output compared.html

The records are those of python -m benchmarks.speed all --output FILE, in any order. The page needs no other file.
"""
PAGE_EXAMPLES = """\
examples:
  python -m benchmarks.speed page              write the tables of docs/performance.md from docs/performance/*.json
  python -m benchmarks.speed page --check      whether the page has these tables; exit code 1 if not

A table stands between two marks of the page, the first of which names the file of figures.
"""

LARGEST = 80_000_000 // 16  # LR pixels; HR images have 16 times as many
PHOTOS = "demo-photos"  # the data set of packaged photographs
PHOTO_CROP = (320, 480)  # height and width of the crops of packaged photographs, about the size of BSD100's images


class PartParser(Parser):
    """Parser of a part's options. Options of other parts are errors that name the part."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the part's arguments. Raises UsageError for others, which argparse would leave to the command's own parser."""
        options, others = super().parse_known_args(args, namespace)
        if others:
            self.error(f"unrecognized arguments: {' '.join(others)}")
        return options, others

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError that names the part."""
        raise UsageError(f"{message} ({self.prog} --help shows the options of this part)")


def make_parser() -> Parser:
    """Parser of the command line, with a parser for each part."""
    parser = Parser("python -m benchmarks.speed", "Measure speed and memory, compared with other implementations.", EXAMPLES)
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART", title="parts", parser_class=PartParser)

    def add(name: str, description: str, epilog: str) -> PartParser:
        text = f"{description[0].lower()}{description[1:].rstrip('.')}"
        part: PartParser = parts.add_parser(name, help=text, description=description, epilog=epilog)
        return part

    evaluation = add("evaluation", "Measure scores: PSNR, SSIM, the best shift, LPIPS, and bicubic downscaling.", EVALUATION)
    _add_images(evaluation)
    _add_repeat(evaluation)
    tiling = add("tiling", "Measure inference of a method on one image, whole or in tiles.", TILING)
    _add_profile(tiling)
    tiling.add_argument("--method", default="edsr", metavar="NAME", help="method, with untrained weights (default: edsr)")
    tiling.add_argument("--size", default="128x96", metavar="WxH", help="size of the image in LR pixels (default: 128x96)")
    tiling.add_argument(
        "--tile", type=int, default=0, metavar="N", help="side of a tile in LR pixels, margins included (default: 0, no tiles)"
    )
    loading = add("loading", "Measure batches of training patches, compared with BasicSR's loader.", LOADING)
    _add_images(loading)
    loading.add_argument("--patch-size", type=int, default=32, metavar="N", help="side of a patch in LR pixels (default: 32)")
    loading.add_argument("--batch-size", type=int, default=16, metavar="N", help="pairs of patches per batch (default: 16)")
    _add_repeat(loading)
    for part in (evaluation, tiling, loading):
        part.add_argument("--json", action="store_true", help="print JSON in place of a table")
    _add_training(add("training", "Measure training steps, each compared with the stage's reference step.", TRAINING))
    everything = add("all", "Measure all of these with sizes that take minutes on two cores.", ALL)
    everything.add_argument("--json", action="store_true", help="print the record as JSON in place of tables")
    everything.add_argument("--output", type=named_path, metavar="FILE", help="also write the record to a JSON file")
    _add_repeat(everything)
    history = add("history", "Draw figures over commits, from records of all parts.", HISTORY)
    history.add_argument("files", nargs="+", type=named_path, metavar="FILE", help="records, as all --output writes them")
    history.add_argument("--output", type=named_path, required=True, metavar="FILE", help="HTML page to write")
    page = add("page", "Write the tables of docs/performance.md from the figures in docs/performance.", PAGE_EXAMPLES)
    page.add_argument("--check", action="store_true", help="compare the page with the figures; write nothing")
    return parser


def _add_training(training: PartParser) -> None:
    _add_profile(training)
    training.add_argument("--stages", nargs="+", action=Names, metavar="NAME", help="training stages (default: the profile's)")
    add_changes(training)
    training.add_argument(
        "--precision",
        nargs="+",
        choices=("float32", "bfloat16"),
        default=["float32", "bfloat16"],
        help="precision of our forward passes (default: both; bfloat16 only if the device has it)",
    )
    _add_repeat(training, "; 0: memory and arithmetic only")
    training.add_argument(
        "--figures", nargs="+", type=named_path, metavar="FILE", help="show figures of --json files; measure nothing"
    )
    form = training.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON in place of a table")
    form.add_argument("--markdown", action="store_true", help="print a Markdown table")


def _add_images(part: PartParser) -> None:
    photos = "crops of packaged photographs"
    part.add_argument("--hr", type=named_path, metavar="DIR", help=f"HR images, made LR by bicubic x1/4 (default: {photos})")
    part.add_argument("--hr-suffix", default="", metavar="TEXT", help="end of the HR images' names, before the extension")


def _add_profile(part: PartParser) -> None:
    sizes = "profile with the sizes of networks and batches (default: demo)"
    part.add_argument("--profile", default="demo", metavar="NAME", help=sizes)


def _add_repeat(part: PartParser, more: str = "") -> None:
    runs = f"runs per time, of which the best counts (default: 3){more}"
    part.add_argument("--repeat", type=int, default=3, metavar="N", help=runs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch, interrupted=_kept)


def _kept(options: argparse.Namespace) -> str:
    return f"figures of finished parts are in {options.output}" if getattr(options, "output", None) else "nothing was written"


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.measuring.figures import print_figures

    whole = {"training": _training, "all": _all, "history": _history, "page": _page}
    if options.part in whole:
        return whole[options.part](options)
    measure = {"evaluation": _evaluation, "tiling": _tiling, "loading": _loading}[options.part]
    print_figures(list(measure(options)), as_json=options.json)
    return 0


def _evaluation(options: argparse.Namespace) -> Iterable[Figure]:
    from benchmarks.measuring.evaluation import measure_evaluation

    _check_repeat(options, 1)
    return measure_evaluation(list(_truths(options.hr, options.hr_suffix)), os.cpu_count() or 1, options.repeat)


def _truths(folder: Path | None, suffix: str) -> Iterable[Image]:
    """HR images ``(H, W, 3)`` of a folder, or crops of packaged photographs."""
    from benchmarks.data.cards import load_dataset_card
    from benchmarks.data.matching import match
    from benchmarks.data.pixels.decode import decode
    from benchmarks.data.pixels.images import read_file

    if folder:
        paths = match(folder, folder, suffix, suffix)
        return (decode(path, "ground truth", "get it again") for path, _ in paths.values())
    height, width = PHOTO_CROP
    sources = load_dataset_card(PHOTOS).sources("pairs").hr.images + load_dataset_card(PHOTOS).sources("test").hr.images
    photos = [read_file(file) for file in dict.fromkeys(source.file for source in sources)]
    return [photo[:height, :width] for photo in photos if photo.shape[0] >= height and photo.shape[1] >= width]


def _tiling(options: argparse.Namespace) -> Iterable[Figure]:
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.measuring.evaluation import measure_tiling

    yield measure_tiling(options.method, load_profile(options.profile), _size(options.size), options.tile)


def _size(text: str) -> tuple[int, int]:
    sides = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", text)
    if not sides or int(sides[1]) * int(sides[2]) > LARGEST:
        limit = f"at most {LARGEST:,} pixels, such as 510x339"
        raise UsageError(f"--size {text[:40]}: give width and height in LR pixels, {limit}")
    return int(sides[1]), int(sides[2])


def _loading(options: argparse.Namespace) -> Iterable[Figure]:
    from benchmarks.measuring.loading import measure_loading

    _check_repeat(options, 1)
    patch, batch = options.patch_size, options.batch_size
    for option, value in (("--patch-size", patch), ("--batch-size", batch)):
        if value < 1:
            raise UsageError(f"{option} {value}: give 1 or more")
    return measure_loading(_truths(options.hr, options.hr_suffix), patch_size=patch, batch_size=batch, repeat=options.repeat)


def _training(options: argparse.Namespace) -> int:
    from benchmarks.catalog.methods import get_stage
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.measuring.everything import measure_steps
    from benchmarks.planning.step_times import Form, print_training, read_figures

    _check_repeat(options, 0)
    form: Form = "markdown" if options.markdown else "json" if options.json else "table"
    if options.figures:
        _refuse_with_figures(options)
        print_training([figure for path in options.figures for figure in read_figures(path)], form)
        return 0
    profile = load_profile(options.profile, options.changes)
    stages = [get_stage(name).name for name in options.stages or profile.stages]
    print_training(list(measure_steps(profile, stages, options.precision, options.repeat)), form)
    return 0


def _all(options: argparse.Namespace) -> int:
    from benchmarks.core.files import check_writable, write_text
    from benchmarks.measuring.everything import measure_all
    from benchmarks.measuring.record import print_record, to_text

    _check_repeat(options, 1)
    output = options.output
    if output and (output.is_dir() or not output.absolute().parent.is_dir()):
        raise UsageError(f"--output {output}: not a file in a folder that exists: create the folder, or name another file")
    if output:
        check_writable(output)
    record = measure_all(
        lambda: list(_truths(None, "")),
        options.repeat,
        (lambda so_far: write_text(output, to_text(so_far))) if output else lambda so_far: None,
    )
    print(to_text(record), end="") if options.json else print_record(record)
    return 0


def _history(options: argparse.Namespace) -> int:
    from benchmarks.core.files import write_text
    from benchmarks.measuring.history import to_html
    from benchmarks.measuring.record import read_record

    write_text(options.output, to_html([read_record(path) for path in options.files]))
    return 0


def _page(options: argparse.Namespace) -> int:
    from benchmarks.core.files import write_text
    from benchmarks.measuring.performance_page import PAGE, with_tables

    text = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    written = with_tables(text)
    if options.check and written != text:
        raise BenchmarkError(f"{PAGE}: its tables are not those of its figures: run python -m benchmarks.speed page")
    if not options.check:
        write_text(PAGE, written)
    print("up to date" if options.check else f"written: {PAGE}")
    return 0


def _check_repeat(options: argparse.Namespace, least: int) -> None:
    if options.repeat < least:
        raise UsageError(f"--repeat {options.repeat}: give {least} or more")


def _refuse_with_figures(options: argparse.Namespace) -> None:
    """Raise UsageError for options of measurements beside ``--figures``."""
    defaults = make_parser().parse_args(["training"])
    for attribute in ("profile", "stages", "changes", "precision", "repeat"):
        if getattr(options, attribute) != getattr(defaults, attribute):
            option = "set" if attribute == "changes" else attribute
            raise UsageError(f"--{option} has no effect with --figures, which measures nothing: leave one of them out")


if __name__ == "__main__":
    end_process(main())
