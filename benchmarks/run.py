"""``python -m benchmarks.run``: train and score methods, print the table."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.catalog.executors import EXECUTORS
from benchmarks.core.command import (
    Names,
    Parser,
    add_changes,
    cluster_address,
    end_process,
    go_offline_if_asked,
    named_path,
    refuse_inside,
    run_command,
)
from benchmarks.core.errors import UsageError
from benchmarks.core.launch import is_helper, is_one_of_several, meet, place
from benchmarks.core.threads import threads_change
from benchmarks.execution.mending import naming_the_mend

if TYPE_CHECKING:
    from benchmarks.api.entries import ScoredSplit
    from benchmarks.catalog.profiles import Profile
    from benchmarks.execution.executors.executor import Executor, ExecutorOptions
    from benchmarks.execution.outcome import Outcome
    from benchmarks.execution.workspace import Workspace
    from benchmarks.planning.cells import Cell
    from benchmarks.planning.plan import Selection
    from reports.presentation import Presentation

EXAMPLES = """\
examples:
  python -m benchmarks.run --all                          every method of the default profile, minutes on 2 cores
  python -m benchmarks.run --all --profile smoke          every method for a few steps, one to two minutes: does everything work?
  python -m benchmarks.run --all --threads auto           on all physical cores, in place of the profile's threads
  python -m benchmarks.run --all --seeds 0 1 2            three trainings of each method
  python -m benchmarks.run --methods bicubic edsr         some methods only
  python -m benchmarks.run --all --family unpaired        with every method that is trained without pairs; --list shows families
  python -m benchmarks.run --ablation                     CinCGAN with each of its parts removed in turn
  python -m benchmarks.run --methods cincgan/no-d1        one variant, beside the full model
  python -m benchmarks.run --study cincgan --dry-run      its joint stage under 20 settings, on validation images
  python -m benchmarks.run --all --dry-run                cells to compute, finished cells, time and disk
  python -m benchmarks.run --methods edsr --split validation --set stages.edsr.training.steps=900      choices, away from test
  python -m benchmarks.run --all --set stages.edsr.training.steps=100
  python -m benchmarks.run --methods bicubic edsr --set degradation=bicubic       another degradation
  python -m benchmarks.run --all --also-degraded bsrgan bicubic      scored under two more degradations, trained as before
  python -m benchmarks.run --all --profile paper --dry-run
  python -m benchmarks.run --all --profile paper --dry-run --step-times FILE      by steps that benchmarks.speed has measured
  python -m benchmarks.run --methods bicubic edsr --data-dir photos     your own images: photos/train and photos/test
  python -m benchmarks.run --methods bicubic realesrgan --data-dir phone --no-truth --set "metrics=['niqe']"     no ground truth
  python -m benchmarks.run --methods bicubic cincgan --data-dir photos --x-dir phone --z-dir camera    unpaired: docs/data.md
  python -m benchmarks.run --methods edsr --datasets set5 --train-on demo-photos
  python -m benchmarks.run --methods bicubic spandrel:4x-net.pth        weights of others, in a file that spandrel recognises
  python -m benchmarks.run --all --offline                after python -m benchmarks.prepare --profile demo
  torchrun --nproc-per-node 2 -m benchmarks.run --methods cincgan     each training on two processes
  python -m benchmarks.run --all --executor ray --max-parallel 2      two cells at a time on this machine
  python -m benchmarks.run --all --executor ray --address 10.0.0.1:6379   on a Ray cluster: docs/scaling.md
  python -m benchmarks.run --all --profile paper --executor slurm --slurm-partition gpu     a job for each cell: docs/scaling.md
  python -m benchmarks.run --list                         methods, data sets, degradations, profiles, protocols

A cell is one training of a stage, or one evaluation of a method on a data set.

exit codes: 0 all done, 1 something failed or diverged, 2 wrong use or something missing, 128 and the signal's number if one has
stopped the run with its work kept: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP, 138 SIGUSR1
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser(
        "python -m benchmarks.run",
        "Train and score super-resolution methods; finished work is never computed twice.",
        EXAMPLES,
    )
    methods = parser.add_argument_group("methods and data")
    methods.add_argument("--all", action="store_true", help="every method of the profile")
    methods.add_argument("--ablation", action="store_true", help="every variant of CinCGAN, beside the full model")
    methods.add_argument("--study", metavar="METHOD", help="every configuration of a method's designed study; validation images")
    methods.add_argument("--methods", nargs="+", action=Names, metavar="NAME", help="these; spandrel:FILE is a checkpoint")
    families = "methods of these families, beside those of --all or --methods; unpaired: all that are trained without pairs"
    methods.add_argument("--family", nargs="+", action=Names, metavar="NAME", help=families)
    methods.add_argument("--datasets", nargs="+", action=Names, metavar="NAME", help="data sets in place of the profile's")
    methods.add_argument("--data-dir", type=named_path, metavar="DIR", help="your own images, as the data set 'folder'")
    methods.add_argument("--x-dir", type=named_path, metavar="DIR", help="your LR images without ground truth (else: train/X)")
    methods.add_argument("--z-dir", type=named_path, metavar="DIR", help="your HR images of other scenes (else: train/Z)")
    methods.add_argument("--lr-suffix", metavar="TEXT", help="end of LR names beside HR names, such as x4m (default: as DIV2K's)")
    methods.add_argument("--no-truth", action="store_true", help="test images of --data-dir are LR images without ground truth")
    methods.add_argument(
        "--train-on",
        metavar="NAME",
        help="data set to train on (default: the test data set; the profile's first data set if that has no training images)",
    )
    others = "degradations to score under as well, with the same trainings: docs/data.md"
    methods.add_argument("--also-degraded", nargs="+", action=Names, default=(), metavar="NAME", help=others)
    split = "images to score (default: test; of a study: validation); choose settings on validation"
    methods.add_argument("--split", choices=("test", "validation"), help=split)
    methods.add_argument("--seeds", nargs="+", action=Names, metavar="N", help="seeds in place of the profile's")
    methods.add_argument("--cell", metavar="ID", help="compute this cell only; --dry-run lists ids, a unique prefix is enough")
    methods.add_argument("--force", action="store_true", help="compute finished cells again")
    settings = parser.add_argument_group("settings")
    settings.add_argument("--profile", default="demo", metavar="NAME", help="sizes and schedules: smoke, demo (default), paper")
    add_changes(settings)
    threads = "torch's threads on a CPU, part of every cell's id; auto: the physical cores that this process may use"
    settings.add_argument("--threads", type=threads_change, metavar="N", help=threads)
    settings.add_argument("--offline", action="store_true", help="open no internet socket; name missing files at once")
    settings.add_argument("--output", type=named_path, default=Path("runs"), metavar="DIR", help="results folder (default: runs)")
    executor = parser.add_argument_group("executor")
    executor.add_argument(
        "--executor", choices=tuple(EXECUTORS), default="serial", help="where cells are computed (default: this process)"
    )
    executor.add_argument("--max-parallel", type=int, metavar="N", help="cells at a time (default: as many as the executor can)")
    retries = "how often a cell is restarted when its process is killed or its node fails (default: 3)"
    executor.add_argument("--retries", type=int, default=3, metavar="N", help=retries)
    executor.add_argument(
        "--address", type=cluster_address, metavar="HOST:PORT", help="a running Ray cluster (default: start Ray on this machine)"
    )
    executor.add_argument("--slurm-partition", metavar="NAME", help="SLURM partition (default: the cluster's own)")
    show = parser.add_argument_group("output")
    show.add_argument("--list", action="store_true", help="print the catalog; run nothing")
    plan = "print cells, estimated time and disk, wall time on several GPUs or machines; run nothing"
    show.add_argument("--dry-run", action="store_true", help=plan)
    show.add_argument("--json", action="store_true", help="print JSON in place of tables")
    show.add_argument("--markdown", action="store_true", help="with --dry-run: wall times as a Markdown table")
    times = "with --dry-run: step times of python -m benchmarks.speed training --json, in place of the profile's estimates"
    show.add_argument("--step-times", type=named_path, metavar="FILE", help=times)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(
        make_parser(),
        arguments,
        lambda options: naming_the_mend(lambda: _dispatch(options), _command_line(arguments)),
        interrupted=lambda options: (
            f"finished cells and checkpoints are kept in {options.output}; to go on: {shlex.join(_command_line(arguments))}"
        ),
    )


def _command_line(arguments: Sequence[str] | None) -> list[str]:
    return ["python", "-m", "benchmarks.run", *(sys.argv[1:] if arguments is None else arguments)]


def _dispatch(options: argparse.Namespace) -> int:
    if (options.list or options.dry_run) and is_helper():  # the first process says it
        return 0
    if options.list:
        return _list(as_json=options.json)
    _check_options(options)
    go_offline_if_asked(options)

    from benchmarks.catalog.profiles import load_profile
    from benchmarks.catalog.studies import load_study
    from benchmarks.execution.outcome import Outcome, say
    from benchmarks.execution.workspace import Workspace
    from benchmarks.planning.cells import find_cell
    from benchmarks.planning.unpaired import say_unpaired

    profile = load_profile(options.profile, [*options.changes, *filter(None, [options.threads])])
    selection = _selection(options)
    methods = _methods(options, profile)
    cells = selection.plan(profile, methods)
    left_out = [] if options.cell else selection.unsuited(profile, methods)
    if not cells:
        raise UsageError("; ".join(left_out))
    if not is_helper():
        say_unpaired(cells, selection.training_cards(profile), selection.apart)
    if options.study and not is_helper():
        for sentence in load_study(options.study).announcement(profile, selection.seeds or ()):
            say(sentence)
    related = cells if methods == list(profile.methods) else _related(profile, selection)
    workspace = Workspace(options.output)
    if options.cell:
        cells = [find_cell(cells, options.cell)]
    if options.dry_run:
        return _dry_run(options, cells, workspace, profile, left_out)
    outcome = Outcome(cells, related, workspace, left_out)
    if not is_one_of_several():
        return _run(options, profile, outcome)
    return _with_others(cells, workspace, lambda: _run(options, profile, outcome))


def _run(options: argparse.Namespace, profile: Profile, outcome: Outcome) -> int:
    """Compute the cells that lack results, mirror and present them, and return the exit code."""
    from benchmarks.execution.executors.selection import make_executor
    from benchmarks.execution.outcome import say
    from benchmarks.planning.inputs import check_inputs
    from reports.presentation import Presentation

    workspace = outcome.workspace
    executor = make_executor(options.executor, workspace, profile, _executor_options(options))
    presentation = Presentation(profile, outcome)
    workspace.check_writable()
    with workspace.locked():
        outcome.read_finished(force=options.force)
        waiting = outcome.waiting()
        check_inputs(waiting, _processes(options, profile))
        outcome.say_before_computing()
        if waiting or workspace.is_stale:
            workspace.mark_stale()
            is_mirrored = _compute(options, profile, outcome, waiting, executor, presentation)
            presentation.build_report()
            if is_mirrored:
                workspace.mark_synced()
        presentation.show(as_json=options.json)
    for reason in outcome.missing:
        say(reason)
    return outcome.exit_code


def _compute(
    options: argparse.Namespace,
    profile: Profile,
    outcome: Outcome,
    waiting: Sequence[Cell],
    executor: Executor,
    presentation: Presentation,
) -> bool:
    """Have the waiting cells computed; mirror and present each as it ends. Returns whether MLflow has all results of the run."""
    from benchmarks.execution import schedule
    from benchmarks.execution.mirroring import Mirror
    from benchmarks.execution.progress.matrix import Matrix
    from benchmarks.execution.progress.one_by_one import OneByOne
    from benchmarks.planning.costs import estimated

    one_by_one = 1 in (executor.capacity, options.max_parallel)
    costs = estimated(waiting, profile)
    with Mirror(profile.name, outcome, len(waiting)) as mirror:
        mirror.add_finished()
        if options.force:
            for cell in waiting:
                outcome.workspace.discard_checkpoint(cell)
        with executor, OneByOne(waiting, costs) if one_by_one else Matrix(waiting) as view:
            for ended in schedule.run(waiting, executor, view, max_parallel=options.max_parallel, retries=options.retries):
                outcome.take(ended)
                mirror.add(ended)
                presentation.update(ended.cell)
    return not mirror.is_lacking


def _dry_run(
    options: argparse.Namespace, cells: Sequence[Cell], workspace: Workspace, profile: Profile, left_out: Sequence[str]
) -> int:
    from benchmarks.execution.dry_run import print_dry_run

    print_dry_run(
        cells,
        workspace,
        profile,
        force=options.force,
        form="markdown" if options.markdown else "json" if options.json else "text",
        max_parallel=options.max_parallel,
        step_times=options.step_times,
        left_out=left_out,
        processes=_processes(options, profile),
    )
    return 0


def _processes(options: argparse.Namespace, profile: Profile) -> Callable[[Cell], int]:
    """Function that returns the number of processes that train a cell together."""
    if options.executor == "serial":
        together = 1
        with suppress(UsageError):  # left-over variables, which a run refuses and a dry run does not heed
            together = place().size if is_one_of_several() else 1
        return lambda cell: together
    return lambda cell: profile.resources_for(cell.kind, cell.label).processes


def _check_options(options: argparse.Namespace) -> None:
    """Raise UsageError where options do not go together."""
    from benchmarks.execution.executors.selection import check_options

    asked = options.all or options.ablation or options.methods or options.family
    if not (asked or options.study or options.cell):
        choices = "--all, --ablation, --methods NAME …, --family NAME …, --study METHOD or --cell ID"
        raise UsageError(f"nothing to run: give {choices} (--help shows examples)")
    if options.methods and (options.all or options.ablation):
        raise UsageError("--methods excludes --all and --ablation: give one of them")
    if options.study and (asked or options.split == "test"):
        mend = "leave out --split test" if options.split == "test" else "leave out --all, --ablation, --methods and --family"
        raise UsageError(f"--study {options.study} scores its own configurations, on validation images: {mend}")
    if (options.markdown or options.step_times) and not options.dry_run:
        raise UsageError(f"{'--markdown' if options.markdown else '--step-times'} needs --dry-run")
    if options.max_parallel is not None and options.max_parallel < 1:
        raise UsageError(f"--max-parallel {options.max_parallel}: give 1 or more")
    if options.threads and any(change.partition("=")[0].strip() == "threads" for change in options.changes):
        raise UsageError("--threads and --set threads=… are one setting: leave one of them out")
    if options.retries < 0:
        raise UsageError(f"--retries {options.retries}: give 0 or more")
    check_options(options.executor, _executor_options(options))
    refuse_inside("--output", options.output, (options.data_dir, options.x_dir, options.z_dir))
    if options.executor == "serial" and is_one_of_several() and not options.dry_run:
        place()
    if options.executor != "serial" and is_one_of_several():
        raise UsageError(
            f"--executor {options.executor} cannot run under torchrun: start python -m benchmarks.run directly; "
            "the executor starts a process for each GPU in [resources] of the profile"
        )


def _executor_options(options: argparse.Namespace) -> ExecutorOptions:
    from benchmarks.execution.executors.executor import ExecutorOptions

    return ExecutorOptions(options.address, options.slurm_partition)


def _with_others(cells: Sequence[Cell], workspace: Workspace, run: Callable[[], int]) -> int:
    """One of several processes, started by torchrun: the first runs the plan, the others take part in its trainings."""
    from benchmarks.execution.compute import follow
    from benchmarks.training import distributed

    meeting = meet(place())  # kept until all have joined the group, for it listens there
    distributed.start()
    del meeting
    try:
        if distributed.rank():
            follow(cells, workspace)
            return 0
        code = run()
        distributed.announce(None)
        return code
    finally:
        distributed.leave()


def _selection(options: argparse.Namespace) -> Selection:
    """Data and seeds that the options select. Raises UsageError for the folder of a data set that is not selected."""
    from benchmarks.catalog.studies import load_study
    from benchmarks.data.cards import Apart
    from benchmarks.planning.plan import Selection

    datasets = options.datasets or (["folder"] if options.data_dir else None)
    train_on = options.train_on or ("folder" if options.x_dir and options.z_dir and not options.data_dir else None)
    for option in ("data_dir", "x_dir", "z_dir", "lr_suffix", "no_truth"):
        if (value := getattr(options, option)) and "folder" not in (*(datasets or ()), train_on):
            mend = "no data set uses it: add the name 'folder' to --datasets, or give --train-on folder"
            raise UsageError(f"--{option.replace('_', '-')}{'' if value is True else f' {value}'}: {mend}")
    images = options.data_dir, Apart(options.x_dir, options.z_dir, options.lr_suffix or "", options.no_truth)
    study = load_study(options.study) if options.study else None
    seeds = list(study.seeds) if study and options.seeds is None else _seeds(options.seeds)
    split: ScoredSplit = options.split or ("validation" if study else "test")
    return Selection(datasets, seeds, train_on, *images, split, options.also_degraded)


def _related(profile: Profile, selection: Selection) -> list[Cell]:
    """Cells that tables show besides those that are asked for; none where the data lack what other methods need."""
    try:
        return selection.plan(profile, None)
    except UsageError:
        return []


def _methods(options: argparse.Namespace, profile: Profile) -> list[str]:
    """Methods that are asked for. Raises UsageError for an unknown family, or a method without a study."""
    from benchmarks.catalog.studies import load_study
    from benchmarks.planning.choice import chosen_methods

    if options.study:
        return load_study(options.study).methods
    names, families = options.methods or (), options.family or ()
    return chosen_methods(profile, names, families, everything=options.all, ablation=options.ablation)


def _seeds(texts: Sequence[str] | None) -> list[int] | None:
    if texts is None:
        return None
    for seed in texts:
        if not seed.isascii() or not seed.isdigit() or len(seed) > 10 or int(seed) >= 2**31:
            raise UsageError(f"--seeds {seed}: seeds are whole numbers from 0 to {2**31 - 1}")
    return list(dict.fromkeys(int(seed) for seed in texts))


def _list(*, as_json: bool) -> int:
    from benchmarks.planning.listing import catalog_titles

    titles = catalog_titles()
    if as_json:
        print(json.dumps(titles, indent=1))
        return 0
    for kind, entries in titles.items():
        print(f"{kind}:" if entries else f"{kind}: none")
        for name, title in entries.items():
            print(f"  {name:<{max(map(len, entries))}} {title}")
    return 0


if __name__ == "__main__":
    end_process(main())
