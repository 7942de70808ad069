"""``python -m benchmarks.speed``: how fast the harness is, beside what it replaces, in one run on one machine."""

from __future__ import annotations

import argparse
import os
import re
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from benchmarks.command import Parser, named_path, run_command
from benchmarks.errors import UsageError, WeightsMissing

if TYPE_CHECKING:
    from benchmarks.data.decode import Image

EXAMPLES = """\
examples:
  python -m benchmarks.speed evaluation                       on crops of photographs that installed packages ship
  python -m benchmarks.speed evaluation --hr BSD100 --hr-suffix _HR
  python -m benchmarks.speed tiling --method edsr --profile paper --size 510x339 --tile 224     untrained weights
  python -m benchmarks.speed loading --hr BSDS500/train --batch-size 16 --patch-size 32
  python -m benchmarks.speed training                         a step of every stage at demo size, beside a textbook's
  python -m benchmarks.speed training --profile paper --stages cincgan-inner cincgan-joint --json
  python -m benchmarks.speed training --profile paper --stages edsr --set stages.edsr.training.batch_size=2
  python -m benchmarks.speed training --profile paper --repeat 0          memory and arithmetic only
  python -m benchmarks.speed training --figures docs/performance.json --markdown      the table of docs/performance.md

Each time is the best of --repeat. Run it on an idle machine, and compare ratios, not seconds.
"""

LARGEST = 80_000_000 // 16  # LR pixels: an HR image may have that many times 16
PHOTO_CROP = (320, 480)  # HR pixels of the crops of packaged photographs: about the size of BSD100's


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m benchmarks.speed", "Measure speed and memory against what others offer.", EXAMPLES)
    what = ("evaluation", "tiling", "loading", "training")
    parser.add_argument("what", choices=what, help="scores, tiled inference, training patches, or training steps")
    parser.add_argument(
        "--repeat",
        type=int,
        default=3,
        metavar="N",
        help="times per figure (default: 3; tiling, starts: once; training, 0: memory)",
    )
    parser.add_argument("--json", action="store_true", help="print machine-readable figures")
    images = parser.add_argument_group("evaluation and loading")
    images.add_argument(
        "--hr", type=named_path, metavar="DIR", help="ground truth; what is compared with it is made by bicubic x1/4"
    )
    images.add_argument("--hr-suffix", default="", metavar="TEXT", help="end of a ground truth's name, before the extension")
    loading = parser.add_argument_group("loading")
    loading.add_argument("--patch-size", type=int, default=32, metavar="N", help="LR pixels a side (default: 32)")
    loading.add_argument("--batch-size", type=int, default=16, metavar="N", help="pairs of patches (default: 16)")
    sizes = parser.add_argument_group("tiling and training")
    sizes.add_argument("--profile", default="demo", metavar="NAME", help="whose sizes networks and batches have (default: demo)")
    tiling = parser.add_argument_group("tiling")
    tiling.add_argument("--method", default="edsr", metavar="NAME", help="a method (default: edsr)")
    tiling.add_argument("--size", default="128x96", metavar="WxH", help="LR pixels (default: 128x96)")
    tiling.add_argument("--tile", type=int, default=0, metavar="N", help="LR pixels a side, margins included (default: 0, none)")
    training = parser.add_argument_group("training")
    training.add_argument("--stages", nargs="+", metavar="NAME", help="training stages (default: all of the profile)")
    training.add_argument(
        "--precision",
        nargs="+",
        choices=("float32", "bfloat16"),
        default=["float32", "bfloat16"],
        help="of our forward passes (default: both; bfloat16 only where the device has it)",
    )
    training.add_argument("--figures", nargs="+", type=named_path, metavar="FILE", help="show these, of --json; measure nothing")
    training.add_argument("--markdown", action="store_true", help="print a Markdown table")
    training.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting of the profile")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


@dataclass(frozen=True)
class Figure:
    """One comparison: seconds of ours and of the other way, where there is one, and peak memory in MB.

    Seconds are those of one image, of one pair of patches or of the whole, as ``unit`` tells; it is what a table shows.
    """

    what: str
    against: str
    seconds: float
    other_seconds: float | None = None
    megabytes: float | None = None
    unit: Literal["ms an image", "pairs/s", "s"] = "ms an image"

    @property
    def ratio(self) -> float | None:
        """How many times faster ours is."""
        return self.other_seconds / self.seconds if self.other_seconds else None

    def shown(self, seconds: float | None) -> str:
        """A time in the figure's unit."""
        if seconds is None:
            return ""
        return {"ms an image": f"{seconds * 1e3:,.1f}", "pairs/s": f"{1 / seconds:,.0f}", "s": f"{seconds:,.3f}"}[self.unit]


def _dispatch(options: argparse.Namespace) -> int:
    least = 0 if options.what == "training" else 1
    if options.repeat < least:
        raise UsageError(f"--repeat {options.repeat}: give {least} or more")
    if options.what == "training":
        return _training(options)
    measure = {"evaluation": _evaluation, "tiling": _tiling, "loading": _loading}[options.what]
    figures = measure(options)
    _print(list(figures), as_json=options.json)
    return 0


def _evaluation(options: argparse.Namespace) -> Iterable[Figure]:
    truths = list(_truths(options))
    results = [_round_trip(image) for image in truths]
    threads, repeat = os.cpu_count() or 1, options.repeat
    yield _against_basicsr(results, truths, threads, repeat)
    large = [pair for pair in zip(results, truths, strict=True) if min(pair[1].shape[:2]) >= 160][:4]
    if large:
        yield from _searches(large, repeat)
    yield _bicubic(truths, repeat)
    try:
        yield _lpips(results, truths, repeat)
    except WeightsMissing as error:
        print(error, file=sys.stderr)


def _truths(options: argparse.Namespace) -> Iterable[Image]:
    from benchmarks.data.cards import PackagedPhotos, load_dataset_card
    from benchmarks.data.decode import decode
    from benchmarks.data.matching import match
    from benchmarks.data.photos import read_photo

    if options.hr:
        paths = match(options.hr, options.hr, options.hr_suffix, options.hr_suffix)
        return (decode(path, "ground truth", "get it again") for path, _ in paths.values())
    height, width = PHOTO_CROP
    card = load_dataset_card("demo-photos")
    photos = [read_photo(photo) for photo in card.photos] if isinstance(card, PackagedPhotos) else []
    return [photo[:height, :width] for photo in photos if photo.shape[0] >= height and photo.shape[1] >= width]


def _round_trip(hr: Image) -> Image:
    """Bicubic x1/4 and x4, cut to a size that both have."""
    import numpy as np

    from benchmarks.data.degradation import bicubic_downscale, to_uint8
    from benchmarks.data.imresize import imresize

    height, width = hr.shape[:2]
    return to_uint8(imresize(bicubic_downscale(hr, 4).astype(np.float64), 4)[:height, :width])


def _best(repeat: int, run: Callable[[], object]) -> float:
    """Seconds of the fastest of several runs, after one that warms up."""
    run()
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def _against_basicsr(results: Sequence[Image], truths: Sequence[Image], threads: int, repeat: int) -> Figure:
    import numpy as np

    from benchmarks.basicsr_adapter import luma_scores
    from benchmarks.protocols import get_protocol
    from benchmarks.registry import get_metric
    from benchmarks.scoring import score_pairs

    pairs = dict(enumerate(zip(results, truths, strict=True)))
    loads = {str(name): (lambda pair=pair: pair) for name, pair in pairs.items()}
    protocol, metrics = get_protocol("y-shave4"), [get_metric("psnr"), get_metric("ssim")]
    found = score_pairs([protocol], metrics, loads, threads=threads).scores["y-shave4"]
    theirs = [luma_scores(sr, hr, border=4) for sr, hr in pairs.values()]
    for metric, column in zip(("psnr", "ssim"), zip(*theirs, strict=True), strict=True):
        np.testing.assert_allclose(list(found[metric].values()), column, atol=1e-4)
    return Figure(
        f"PSNR + SSIM, y-shave4, {len(pairs)} images of {truths[0].shape[1]}x{truths[0].shape[0]}",
        "basicsr in a loop",
        _best(repeat, lambda: score_pairs([protocol], metrics, loads, threads=threads)) / len(pairs),
        _best(repeat, lambda: [luma_scores(sr, hr, border=4) for sr, hr in pairs.values()]) / len(pairs),
    )


def _searches(pairs: Sequence[tuple[Image, Image]], repeat: int) -> Iterable[Figure]:
    """The scorer's two searches; the loops take seconds, so they run once."""
    from threadpoolctl import threadpool_limits

    from benchmarks.alignment import best_window_psnr, best_window_ssim
    from benchmarks.direct import ntire2018_psnr, ntire2018_ssim
    from benchmarks.protocols import ntire2018_windows

    def figure(what: str, against: str, ours: Callable[[Image, Image], object], direct: Callable[..., object]) -> Figure:
        peak = _peak(lambda: ours(*windows[0]))
        seconds = _best(repeat, lambda: [ours(*each) for each in windows]) / len(windows)
        started = time.perf_counter()
        direct(*pairs[0])
        return Figure(what, against, seconds, time.perf_counter() - started, peak)

    windows = [ntire2018_windows(sr, hr) for sr, hr in pairs]
    with threadpool_limits(1, "blas"):  # as an image is scored, beside others
        yield figure("PSNR, ntire2018", "6,561 windows in turn", partial(best_window_psnr, rescale=True), ntire2018_psnr)
        yield figure("SSIM, ntire2018", "1,681 windows in turn", best_window_ssim, ntire2018_ssim)


def _peak(run: Callable[[], object]) -> float:
    """MB that a run allocates at most, arrays included."""
    run()
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def _bicubic(truths: Sequence[Image], repeat: int) -> Figure:
    from benchmarks.basicsr_adapter import matlab_imresize
    from benchmarks.data.imresize import imresize

    image = truths[0] / 255.0
    ours = _best(repeat, lambda: imresize(image, 0.25))
    theirs = _best(repeat, lambda: matlab_imresize(image, 0.25))  # type: ignore[no-untyped-call]
    return Figure("bicubic x1/4", "basicsr", ours, theirs)


def _lpips(results: Sequence[Image], truths: Sequence[Image], repeat: int) -> Figure:
    import torch

    from benchmarks.perceptual import LPIPS, to_tensor
    from benchmarks.registry import get_metric
    from benchmarks.scoring import load_scorer, score_views

    metric = LPIPS("alex")

    def one_by_one() -> None:
        with torch.inference_mode():
            for sr, hr in zip(results, truths, strict=True):
                float(metric.network(to_tensor([sr]), to_tensor([hr]), normalize=True))

    views = [(str(index), *pair) for index, pair in enumerate(zip(results, truths, strict=True))]
    scorer = load_scorer(get_metric("lpips"))
    ours, theirs = _best(repeat, lambda: score_views(scorer, views)), _best(repeat, one_by_one)
    return Figure("LPIPS-alex", "pyiqa image by image", ours / len(truths), theirs / len(truths))


def _tiling(options: argparse.Namespace) -> Iterable[Figure]:
    import torch

    from benchmarks.profile import load_profile
    from benchmarks.tiling import enlarge
    from benchmarks.untrained import untrained_method

    width, height = _size(options.size)
    method = untrained_method(options.method, load_profile(options.profile))
    started = time.perf_counter()
    enlarge(method, torch.rand(1, 3, height, width), options.tile)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    tiled = f"tiles of {options.tile}" if options.tile else "whole"
    yield Figure(f"{options.method} of profile {options.profile}, {width}x{height}, {tiled}", "", seconds, None, peak)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", text)
    if not found or int(found[1]) * int(found[2]) > LARGEST:
        sides = f"at most {LARGEST:,} of them, such as 510x339"
        raise UsageError(f"--size {text[:40]}: give width and height in LR pixels, {sides}")
    return int(found[1]), int(found[2])


def _loading(options: argparse.Namespace) -> Iterable[Figure]:
    from benchmarks.speed_loading import compare_loading

    patch, batch = options.patch_size, options.batch_size
    for option, value in (("--patch-size", patch), ("--batch-size", batch)):
        if value < 1:
            raise UsageError(f"{option} {value}: give 1 or more")
    times = compare_loading(_truths(options), patch_size=patch, batch_size=batch, repeat=options.repeat)
    what = f"patches of {patch} and {4 * patch} pixels, batch {batch}, {times.images} images"
    against = f"basicsr, {times.workers} workers"
    yield Figure(what, against, times.ours, times.theirs, unit="pairs/s")
    yield Figure("until the first batch, nothing cached", against, times.first_start, times.their_start, unit="s")
    yield Figure("until the first batch, images cached", against, times.later_start, times.their_start, unit="s")


def _training(options: argparse.Namespace) -> int:
    from benchmarks.profile import load_profile
    from benchmarks.registry import get_stage
    from benchmarks.speed_figures import Form, print_training, read_figures
    from benchmarks.speed_training import measure_training

    form: Form = "markdown" if options.markdown else "json" if options.json else "table"
    if options.figures:
        print_training([figure for path in options.figures for figure in read_figures(path)], form)
        return 0
    profile = load_profile(options.profile, options.set)
    stages = [get_stage(name).name for name in options.stages or profile.stages]
    figures = []
    for stage in stages:
        for precision in dict.fromkeys(options.precision):
            figure = measure_training(profile, stage, precision, options.repeat)
            if figure.precision != precision:
                print(f"{stage}: {precision} would be slower than float32 on this device: left out", file=sys.stderr)
            else:
                figures.append(figure)
    print_training(figures, form)
    return 0


def _print(figures: Sequence[Figure], *, as_json: bool) -> None:
    if as_json:
        from benchmarks.results import to_json

        print(to_json([{**asdict(figure), "ratio": figure.ratio} for figure in figures]))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("what", "ours", "against", "theirs", "unit", "times faster", "peak MB"):
        table.add_column(column, justify="left" if column in ("what", "against", "unit") else "right")
    for figure in figures:
        table.add_row(
            figure.what,
            figure.shown(figure.seconds),
            figure.against,
            figure.shown(figure.other_seconds),
            figure.unit,
            _shown(figure.ratio),
            _shown(figure.megabytes),
        )
    Console(width=max(Console().width, 120), highlight=False).print(table)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


if __name__ == "__main__":
    sys.exit(main())
