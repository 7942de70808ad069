"""``python -m benchmarks.upscale``: enlarge your own images with a method of the catalog."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.core.command import Parser, end_process, go_offline_if_asked, named_path, run_command
from benchmarks.core.errors import BenchmarkError, NotWritten, UsageError, one_line

if TYPE_CHECKING:
    from benchmarks.api.image import Image
    from benchmarks.data.user_images import Job
    from benchmarks.execution.upscaling import Enlarger

    Enlarge = Callable[[Image, Callable[[int, int], None]], Image]

LONG = 10  # seconds that the rest must take to be told
PACKED = "demo"  # weights of the package where nothing is trained
EXAMPLES = """\
examples:
  python -m benchmarks.upscale photo.jpg --output large                               CinCGAN, as the run in runs/ trained it;
                                                                                      without a run, small weights of the package
  python -m benchmarks.upscale photo.jpg holidays --method edsr --output large        a file and all images of a folder
  python -m benchmarks.upscale photo.jpg --method bicubic --output large              needs no training
  python -m benchmarks.upscale photo.jpg --method realesrgan --output large           weights that others have released
  python -m benchmarks.upscale photo.jpg --method spandrel:4x-net.pth --output large  any checkpoint that spandrel recognises
  python -m benchmarks.upscale photo.jpg --weights runs/cells/train-cincgan-joint-…/weights.safetensors --output large
  python -m benchmarks.upscale holidays --output large --dry-run                      files and the method; computes nothing

Images are PNG, JPEG, WebP, TIFF or BMP of 8 bits and of any size: large ones are enlarged in overlapping tiles. They are turned
upright by their EXIF orientation; an RGB colour profile (ICC) is kept as it is, other metadata are not. Grey images become RGB.
Images of 16 bits, with transparent pixels, with several frames or in CMYK are refused, each by a line, and the others go on.
Results are OUTPUT/<name>.png. Memory: about 7 bytes for each pixel of the result, and what the method takes for a tile.

exit codes: 0 all enlarged, 1 images failed (they are listed at the end), 2 wrong use or something missing, such as a training,
130 or 143 stopped by Ctrl-C or SIGTERM
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m benchmarks.upscale", "Enlarge your own images with a trained or released method.", EXAMPLES)
    parser.add_argument("images", nargs="*", type=named_path, metavar="IMAGE", help="image files, or folders of image files")
    parser.add_argument("--output", type=named_path, metavar="DIR", help="folder for the results")
    model = parser.add_argument_group("method")
    model.add_argument(
        "--method", default="cincgan", metavar="NAME", help="method or variant, or spandrel:FILE (default: cincgan)"
    )
    source = model.add_mutually_exclusive_group()
    source.add_argument(
        "--results", type=named_path, metavar="DIR", help="results folder with the training (default: runs, or --pretrained demo)"
    )
    source.add_argument("--pretrained", metavar="NAME", help="small weights of the package: demo, for cincgan and edsr")
    source.add_argument(
        "--weights",
        action="append",
        type=named_path,
        default=[],
        metavar="FILE",
        help="weights.safetensors of a training cell in place of --results; the stages before it are found beside it, or given "
        "by the option again",
    )
    model.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the training in --results (default: 0)")
    model.add_argument(
        "--tile",
        type=int,
        metavar="N",
        help="side of a tile in LR pixels, 0 for whole images: less takes less memory (default: as the method was evaluated)",
    )
    model.add_argument(
        "--threads", type=int, metavar="N", help="torch threads on a CPU (default: as the method was evaluated, else all cores)"
    )
    model.add_argument("--offline", action="store_true", help="open no internet socket; name missing weights at once")
    files = parser.add_argument_group("files")
    files.add_argument(
        "--format",
        choices=("png", "tiff", "webp", "jpeg"),
        default="png",
        help="of the results; jpeg loses detail (default: png)",
    )
    existing = files.add_mutually_exclusive_group()
    existing.add_argument("--force", action="store_true", help="replace results that exist")
    existing.add_argument("--skip-existing", action="store_true", help="keep results that exist, and compute the others")
    show = parser.add_argument_group("show")
    show.add_argument("--json", action="store_true", help="print JSON in place of text")
    show.add_argument("--dry-run", action="store_true", help="list files and the method; compute nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(
        make_parser(),
        arguments,
        _dispatch,
        interrupted=lambda options: f"finished images are kept in {options.output}; --skip-existing goes on with the others",
    )


@dataclass
class Outcome:
    """Images that were written, kept or failed.

    Attributes:
        written: entries of ``--json`` by source.
        kept: sources whose results existed.
        failures: reasons by source.
        code: exit code.
    """

    written: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    code: int = 0


def _dispatch(options: argparse.Namespace) -> int:
    if not options.images or options.output is None:
        missing = "--output DIR is" if options.images else "images are"
        raise UsageError(f"{missing} missing: give image files or folders, and --output DIR (--help shows examples)")
    for name, least in (("seed", 0), ("tile", 0), ("threads", 1)):
        if (value := getattr(options, name)) is not None and not least <= value < 2**31:
            raise UsageError(f"--{name} {value}: give {least} or more, below 2^31")
    go_offline_if_asked(options)

    from benchmarks.data.user_images import find_jobs, lines_left_out, refuse_existing

    jobs = find_jobs(options.images, options.output, options.format)
    _check_output(options.output)
    enlarger = _find(options)
    if not options.force and not options.skip_existing:
        refuse_existing(jobs)
    for line in lines_left_out(options.images):
        _say(line)
    _say(f"{enlarger.name} x{enlarger.scale}, {enlarger.origin}")
    outcome = Outcome()
    if options.skip_existing:
        outcome.kept = [str(job.source) for job in jobs if job.target.exists()]
        jobs = [job for job in jobs if not job.target.exists()]
    if options.dry_run:
        return _dry_run(jobs, enlarger, outcome, as_json=options.json)
    if jobs:
        _upscale(jobs, enlarger, options.format, outcome)
    _show(outcome, enlarger, options)
    return outcome.code


def _find(options: argparse.Namespace) -> Enlarger:
    """The method with its weights. Without a training in ``runs``, and no other place named, those of the package are used."""
    from benchmarks.execution.upscaling import find_enlarger, find_packed_enlarger
    from benchmarks.results.pretrained import read_card

    if options.pretrained is not None:
        return find_packed_enlarger(options.method, options.pretrained, options.tile, options.threads)
    results, rest = options.results or Path("runs"), (options.weights, options.seed, options.tile, options.threads)
    try:
        return find_enlarger(options.method, results, *rest)
    except UsageError as error:
        if options.results or options.weights or options.seed or options.method not in read_card(PACKED).methods:
            raise
        _say(f"{error}; until then the small weights of the package")
        return find_packed_enlarger(options.method, PACKED, options.tile, options.threads)


def _check_output(output: Path) -> None:
    """Raise UsageError if the folder could not be made or written; nothing is written."""
    existing = next(path for path in (output.absolute(), *output.absolute().parents) if path.exists() or path.is_symlink())
    if not existing.is_dir():
        raise UsageError(f"--output {output}: {existing} is no folder: name another folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"--output {output}: {existing} cannot be written: check its permissions, or name another folder")


def _dry_run(jobs: Sequence[Job], enlarger: Enlarger, outcome: Outcome, *, as_json: bool) -> int:
    if as_json:
        plan = [{"input": str(job.source), "output": str(job.target)} for job in jobs]
        print(json.dumps({"method": enlarger.name, "scale": enlarger.scale, "images": plan, "kept": outcome.kept}, indent=1))
        return 0
    for job in jobs:
        print(one_line(f"{job.source} -> {job.target}"))
    return 0


def _upscale(jobs: Sequence[Job], enlarger: Enlarger, file_format: str, outcome: Outcome) -> None:
    """Enlarge images one after the other. One that fails does not stop the others; a file that cannot be written does."""
    started = time.monotonic()
    with enlarger.built(_longest_side(jobs)) as enlarge:
        for place, job in enumerate(jobs, 1):
            try:
                entry, remark = _upscale_image(job, enlarge, file_format, f"{place}/{len(jobs)} {job.source.name}")
            except MemoryError:
                outcome.failures[str(job.source)] = "not enough memory for the result: enlarge it on another machine, or in parts"
                outcome.code = max(outcome.code, BenchmarkError.exit_code)
                continue
            except BenchmarkError as error:
                outcome.failures[str(job.source)] = str(error)
                outcome.code = max(outcome.code, BenchmarkError.exit_code)
                if isinstance(error, NotWritten):
                    outcome.failures |= {str(other.source): "not enlarged: see the image before" for other in jobs[place:]}
                    outcome.code = NotWritten.exit_code
                    return
                continue
            outcome.written[str(job.source)] = entry
            size = f"{entry['width']}x{entry['height']}"
            left = _time_left(time.monotonic() - started, place, len(jobs))
            line = f"{place}/{len(jobs)} {job.source} -> {job.target} {size}, {entry['seconds']} s"
            _say(f"{line}{left}{remark and f'; {remark}'}")


def _time_left(seconds: float, done: int, total: int) -> str:
    """Words on the time that the images after the second and each later one may take; empty for short times."""
    left = round(seconds / done * (total - done))
    return f", the rest may take {timedelta(seconds=left)}" if done > 1 and left >= LONG else ""


def _longest_side(jobs: Sequence[Job]) -> int:
    """Longest side of the images in pixels, from the headers of their files; broken images are left out."""
    from benchmarks.data.sizes import file_size

    longest = 0
    for job in jobs:
        with suppress(UsageError):
            longest = max(longest, *file_size(job.source, "image", "save it again"))
    return longest


def _upscale_image(job: Job, enlarge: Enlarge, file_format: str, title: str) -> tuple[dict[str, Any], str]:
    """Enlarge an image and write the result. Returns its entry for ``--json``, and a remark on its colour profile."""
    from benchmarks.core.progress.optimiser_steps import OptimiserSteps
    from benchmarks.core.progress.step_progress import StepProgress
    from benchmarks.data.pixels.decode import decode
    from benchmarks.data.user_images import rgb_profile, save_image

    started = time.monotonic()
    lr = decode(job.source, "image", "save it again")
    profile, remark = rgb_profile(job.source)
    with StepProgress(title) as progress, OptimiserSteps(lambda steps: progress.update(0, 1, {"step": steps})):
        sr = enlarge(lr, lambda done, of: progress.update(done, of, {}))
    save_image(job.target, sr, file_format, profile)
    height, width = sr.shape[:2]
    seconds = round(time.monotonic() - started, 3)
    return {"output": str(job.target), "width": width, "height": height, "seconds": seconds, "icc": profile is not None}, remark


def _show(outcome: Outcome, enlarger: Enlarger, options: argparse.Namespace) -> None:
    """Print what has become of the images; failures on standard error, last."""
    if options.json:
        summary = {
            **{"method": enlarger.name, "scale": enlarger.scale, "origin": enlarger.origin},
            "images": [{"input": source, **entry} for source, entry in outcome.written.items()],
            **{"kept": outcome.kept, "failures": outcome.failures},
        }
        print(json.dumps(summary, indent=1))
    else:
        kept = f", {len(outcome.kept)} kept" if outcome.kept else ""
        failed = f", {len(outcome.failures)} failed" if outcome.failures else ""
        print(f"{len(outcome.written)} written to {options.output}{kept}{failed}")
    for source, reason in outcome.failures.items():
        _say(f"error: {reason if source in reason else f'{source}: {reason}'}")


def _say(line: str) -> None:
    print(one_line(line), file=sys.stderr)


if __name__ == "__main__":
    end_process(main())
