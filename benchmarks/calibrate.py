"""``python -m benchmarks.calibrate``: fit the degradation track2-like-v2 to published scores."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.command import Parser, add_changes, end_process, named_path, refuse_file, refuse_inside, run_command
from benchmarks.core.errors import UsageError
from benchmarks.core.text import counted

if TYPE_CHECKING:
    from benchmarks.api.image import Image
    from benchmarks.api.method import Method
    from benchmarks.degradations.track2_like_v2 import Track2LikeV2
    from benchmarks.measuring.calibration import Rows, Target

EXAMPLES = """\
examples:
  python -m benchmarks.calibrate --hr DIV2K_valid_HR --train BSDS500/train
  python -m benchmarks.calibrate --hr CROPS --train PHOTOS --every 5 --evaluations 60 --set stages.edsr.training.steps=1500
  python -m benchmarks.calibrate --hr CROPS --train PHOTOS --keep      measure the profiles' parameters; fit nothing

Figures to meet: those of the CinCGAN paper's table 1 for bicubic, EDSR and BM3D+EDSR, and bicubic's 17.56 dB in plain RGB. No
unpaired method takes part. EDSR is trained on clean pairs of the images in --train, once; runs/ keeps it. The same images and
options give the same parameters. docs/calibration.md has the run that the profiles' parameters are of.

exit codes: 0 fitted, 1 something failed, 2 wrong use or something missing
"""
METHODS = ("bicubic", "edsr", "bm3d-edsr")


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m benchmarks.calibrate", "Fit the degradation track2-like-v2 to published scores.", EXAMPLES)
    parser.add_argument(
        "--hr", type=named_path, required=True, metavar="DIR", help="HR images to degrade and score, 160 pixels or more"
    )
    parser.add_argument("--train", type=named_path, required=True, metavar="DIR", help="images that EDSR is trained on")
    parser.add_argument("--every", type=int, default=5, metavar="N", help="fit on every N-th image (default: 5); print all")
    parser.add_argument("--evaluations", type=int, default=60, metavar="N", help="parameter sets to try at most (default: 60)")
    parser.add_argument(
        "--shifts", type=int, nargs="+", default=[4, 8, 12, 16, 20, 24], metavar="N", help="largest shifts to try"
    )
    parser.add_argument("--keep", action="store_true", help="measure the profiles' parameters, and fit nothing")
    parser.add_argument("--profile", default="demo", metavar="NAME", help="whose EDSR is trained (default: demo)")
    add_changes(parser)
    parser.add_argument(
        "--output", type=named_path, default=Path("runs"), metavar="DIR", help="keeps the trained EDSR (default: runs)"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.measuring.calibration import START, fit, measure, names_on_bounds

    if min(options.every, options.evaluations, *options.shifts) < 1:
        raise UsageError("--every, --evaluations, --shifts: 1 or more")
    refuse_inside("--output", options.output, (options.hr, options.train))
    refuse_file("--output", options.output)
    images = _images(options.hr)
    methods = _methods(options)
    if options.keep:
        degradation = _fitted_before()
    else:
        found = fit(
            START,
            images,
            methods,
            every=options.every,
            shifts=options.shifts,
            evaluations=options.evaluations,
            report=lambda tried, value: print(f"{value:8.2f}  {_parameters(tried)}", file=sys.stderr),
        )
        degradation = found.degradation
        sets = counted(found.evaluations, "parameter set")
        print(f"fitted on one of {options.every} of {counted(len(images), 'image')}, {sets}; loss {found.loss:.2f}")
    print(f"parameters: {_parameters(degradation)}")
    if on_bounds := names_on_bounds(degradation):
        print(f"on a bound of the search, so the bound decides: {', '.join(on_bounds)}")
    rows = measure(degradation, images, methods)
    _print_rows(counted(len(images), "image"), rows)
    _print_targets(rows)
    print("what the rows depend on:")
    chosen = dict(list(images.items())[:: options.every])
    for correlation in (0.0, 0.65):
        for shift in (2, 16):
            varied = replace(degradation, noise_correlation=correlation, shift_max=shift)
            kind = "correlated" if correlation else "white"
            _print_rows(f"{kind} noise, shift {shift}, {counted(len(chosen), 'image')}", measure(varied, chosen, methods))
    return 0


def _fitted_before() -> Track2LikeV2:
    """The degradation with the parameters of the profiles."""
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.degradations.track2_like_v2 import Track2LikeV2

    degradation = load_profile("demo", ["degradation=track2-like-v2"]).degradation
    if not isinstance(degradation, Track2LikeV2):
        raise TypeError(f"{degradation} is not version 2")
    return degradation


def _images(folder: Path) -> Mapping[str, Image]:
    """HR images of a folder by name, cut to multiples of the scale."""
    from benchmarks.data.matching import images
    from benchmarks.data.pixels.decode import decode
    from benchmarks.measuring.calibration import SCALE

    paths = images(folder, hint="give a folder of HR images")
    decoded = {name: decode(path, f"image {path.name}", "replace the file") for name, path in paths.items()}
    return {name: image[: image.shape[0] // SCALE * SCALE, : image.shape[1] // SCALE * SCALE] for name, image in decoded.items()}


def _methods(options: argparse.Namespace) -> Mapping[str, Method]:
    """Bicubic, EDSR and BM3D+EDSR; EDSR is trained unless the results folder has it."""
    from benchmarks.catalog.methods import method_class
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.execution.compute import run_cell
    from benchmarks.execution.workspace import Workspace
    from benchmarks.measuring.calibration import SCALE
    from benchmarks.planning.plan import make_plan
    from benchmarks.results.trained import load_stage

    profile = load_profile(options.profile, options.changes)
    cells = make_plan(profile, ["edsr"], None, [0], "folder", options.train)
    (training,) = (cell for cell in cells if cell.kind == "train")
    training.data.verify(training.splits)
    workspace = Workspace(options.output)
    workspace.check_writable()
    with workspace.locked():
        if workspace.read(training) is None:
            print(f"training EDSR, {training.steps} steps", file=sys.stderr)
            run_cell(training, workspace)
        stages = {"edsr": load_stage(workspace.folder(training))}
    return {name: method_class(name).from_stages(stages, SCALE) for name in METHODS}


def _parameters(degradation: object) -> str:
    return json.dumps(asdict(degradation))  # type: ignore[call-overload]


def _print_rows(title: str, rows: Rows) -> None:
    print(f"{title}:")
    for name, row in rows.items():
        print(f"  {name:<10} plain {row['plain']:.2f} dB, scorer {row['psnr']:.2f} dB / {row['ssim']:.3f}")


def _print_targets(rows: Rows) -> None:
    """Every target with its residual, and the targets that are missed by more than their tolerance."""
    from benchmarks.measuring.calibration import GAP, TARGETS

    print("figure, published, here, residual, tolerance:")
    missed: list[Target] = []
    for target in (GAP, *TARGETS):
        value = target.measure(rows)
        residual = value - target.published
        print(f"  {target.name:<36} {target.published:7.3f} {value:7.3f} {residual:+7.3f} {target.tolerance:6.2f}")
        missed += [target] if abs(residual) > target.tolerance else []
    names = "; ".join(target.name for target in missed)
    print(f"not met together: {names}" if missed else "all met together")


if __name__ == "__main__":
    end_process(main())
