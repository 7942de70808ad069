"""``python -m benchmarks.gradients``: gradients of the loss terms of CinCGAN's joint stage."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.command import Parser, add_changes, end_process, named_path, run_command
from benchmarks.core.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.execution.workspace import Workspace
    from benchmarks.planning.cells import Cell
    from benchmarks.training.stage import Stage

EXAMPLES = """\
examples:
  python -m benchmarks.gradients --results runs --profile demo --seed 0                 networks at the end of the joint stage
  python -m benchmarks.gradients --profile demo --seed 0 --at start                     the inner stage's and EDSR's weights
  python -m benchmarks.gradients --profile lab --batches 64 --json --figure gradients.svg

Each weighted loss term's gradient on the weights of G1 and SR: its L2 norm and the cosines between terms, as means over batches
of the stage's own sampler. The finished training is read; nothing in the results folder is written, and no weight changes. At the
start D2 and G3 are untrained. docs/gradients.md explains the tables.

exit codes: 0 measured, 2 wrong use, or the training is not finished
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m benchmarks.gradients", "Measure gradients of the loss terms of CinCGAN's joint stage.", EXAMPLES)
    parser.add_argument("--results", type=named_path, default=Path("runs"), metavar="DIR", help="results folder (default: runs)")
    parser.add_argument("--profile", default="demo", metavar="NAME", help="profile of the run (default: demo)")
    add_changes(parser)
    parser.add_argument("--method", default="cincgan", metavar="NAME", help="cincgan or a variant of it (default: cincgan)")
    parser.add_argument("--train-on", metavar="NAME", help="data set that the run trained on (default: the profile's)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the training (default: 0)")
    parser.add_argument(
        "--at", choices=("end", "start"), default="end", help="weights: of the end of the joint stage, or its start"
    )
    parser.add_argument("--batches", type=int, default=16, metavar="N", help="batches to average over (default: 16)")
    parser.add_argument("--figure", type=named_path, metavar="FILE", help="also draw a figure: PNG, SVG or PDF")
    parser.add_argument("--json", action="store_true", help="print JSON in place of tables")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.measuring.joint_gradients import as_text, measure
    from benchmarks.results.files import to_json
    from benchmarks.training.stage import effective_precision

    if options.batches < 1:
        raise UsageError(f"--batches {options.batches}: give 1 or more")
    cell, workspace = _cell(options)
    stage = _stage(cell, workspace, options.at)
    gradients = measure(stage, options.batches)
    if options.figure:
        from reports.figures.drawing import save, style
        from reports.figures.gradients import draw_gradients

        with style():
            save(draw_gradients(gradients), options.figure)
    precision = effective_precision(stage.training)
    if options.json:
        header = {"cell": cell.id, "profile": cell.profile, "method": options.method, "seed": options.seed}
        sizes = {"at": options.at, "batches": options.batches, "precision": precision}
        print(to_json({**header, **sizes, "networks": [asdict(own) for own in gradients]}))
    else:
        print(f"{cell}, {cell.id}, {options.at}, {precision}, means over {options.batches} batches\n\n{as_text(gradients)}")
    return 0


def _cell(options: argparse.Namespace) -> tuple[Cell, Workspace]:
    """The training cell of the joint stage, and its results folder. Raises UsageError where weights are missing."""
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.execution.workspace import Workspace
    from benchmarks.measuring.joint_gradients import STAGE
    from benchmarks.planning.plan import make_plan

    if not 0 <= options.seed < 2**31:
        raise UsageError(f"--seed {options.seed}: seeds are whole numbers from 0 to {2**31 - 1}")
    profile = load_profile(options.profile, options.changes)
    cells = make_plan(profile, [options.method], None, [options.seed], options.train_on)
    cell = next((cell for cell in cells if cell.label == STAGE), None)
    if cell is None:
        raise UsageError(f"--method {options.method}: it has no stage {STAGE}: give cincgan, or a variant with a joint stage")
    workspace = Workspace(options.results)
    for needed in (*cell.needs.values(), *((cell,) if options.at == "end" else ())):
        result = workspace.read(needed)
        if result is None or result.has_diverged:
            state = "is not finished" if result is None else "has diverged"
            run = f"python -m benchmarks.run --methods {options.method} --profile {options.profile} --seeds {options.seed}"
            raise UsageError(f"{options.results}: {needed} ({needed.id}) {state} there: run {run}, or name another --results")
    cell.data.verify(cell.splits)
    return cell, workspace


def _stage(cell: Cell, workspace: Workspace, at: str) -> Stage:
    """The joint stage as it starts, or with the weights that its training ended with."""
    import torch

    from benchmarks.catalog.methods import stage_class
    from benchmarks.results.trained import load_stage
    from benchmarks.training.stage import StageImages, make_stage

    torch.set_num_threads(cell.settings.threads)
    needs = {name: load_stage(workspace.folder(needed)) for name, needed in cell.needs.items()}
    data = StageImages(cell.data.images, cell.label, cell.splits)
    stage, _ = make_stage(stage_class(cell.label), cell.stage_settings, data, needs, cell.seed or 0)
    trained = load_stage(workspace.folder(cell)).weights if at == "end" else {}
    for name, weights in trained.items():
        stage.networks[name].load_state_dict(dict(weights))
    return stage


if __name__ == "__main__":
    end_process(main())
