"""``python -m benchmarks.run``: train and score methods, print the table."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.command import Parser, go_offline_if_asked, named_path, run_command
from benchmarks.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.invocation import Invocation
    from benchmarks.plan import Cell
    from benchmarks.profile import Profile
    from benchmarks.workspace import Workspace

EXAMPLES = """\
examples:
  python -m benchmarks.run --all                          every method of the default profile, minutes on 2 cores
  python -m benchmarks.run --all --profile smoke          the same in seconds, to see that everything works
  python -m benchmarks.run --all --seeds 0 1 2            three trainings each
  python -m benchmarks.run --methods bicubic edsr         some methods only
  python -m benchmarks.run --ablation                     CinCGAN with each of its parts removed in turn
  python -m benchmarks.run --methods cincgan/no-d1        one variant, beside the full model
  python -m benchmarks.run --all --dry-run                what would run, what is there already, how long it takes
  python -m benchmarks.run --all --set stages.edsr.training.steps=100
  python -m benchmarks.run --all --profile paper --dry-run
  python -m benchmarks.run --all --profile paper --dry-run --step-times FILE      by steps that benchmarks.speed has measured
  python -m benchmarks.run --all --profile paper --datasets demo-photos --set 'stages.*.training.steps=2'
  python -m benchmarks.run --methods bicubic edsr --data-dir photos     your own images: photos/train and photos/test
  python -m benchmarks.run --methods edsr --datasets set5 --train-on demo-photos
  python -m benchmarks.run --all --offline                after python -m benchmarks.prepare --profile demo
  torchrun --nproc-per-node 2 -m benchmarks.run --methods cincgan     each training on two processes
  python -m benchmarks.run --all --executor ray --max-parallel 2      two cells at a time on this machine
  python -m benchmarks.run --all --executor ray --address 10.0.0.1:6379   on a Ray cluster: docs/scaling.md
  python -m benchmarks.run --all --profile paper --executor slurm --slurm-partition gpu     a job for each cell: docs/scaling.md
  python -m benchmarks.run --list                         what there is to choose from

exit codes: 0 all done, 1 something failed or diverged, 2 wrong use or something missing, 130 or 143 stopped by Ctrl-C or SIGTERM
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser(
        "python -m benchmarks.run",
        "Train and score super-resolution methods; finished work is never computed twice.",
        EXAMPLES,
    )
    what = parser.add_argument_group("what to run")
    what.add_argument("--all", action="store_true", help="every method of the profile")
    what.add_argument("--ablation", action="store_true", help="every variant of CinCGAN, beside the full model")
    what.add_argument("--methods", nargs="+", metavar="NAME", help="these methods only")
    what.add_argument("--datasets", nargs="+", metavar="NAME", help="instead of the profile's data sets")
    what.add_argument("--data-dir", type=named_path, metavar="DIR", help="your own images, as the data set 'folder'")
    what.add_argument("--train-on", metavar="NAME", help="the data set that methods are trained on (default: each its own)")
    what.add_argument("--seeds", nargs="+", metavar="N", help="instead of the profile's seeds")
    what.add_argument("--cell", metavar="ID", help="compute this one cell; --dry-run lists ids, a unique prefix is enough")
    what.add_argument("--force", action="store_true", help="compute again what is there already")
    how = parser.add_argument_group("how")
    how.add_argument("--profile", default="demo", metavar="NAME", help="sizes and schedules: smoke, demo (default), paper")
    how.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes", help="change one setting; repeatable"
    )
    how.add_argument("--offline", action="store_true", help="open no internet socket; say at once what is missing")
    how.add_argument("--output", type=named_path, default=Path("runs"), metavar="DIR", help="folder for results (default: runs)")
    where = parser.add_argument_group("where")
    where.add_argument(
        "--executor", choices=("serial", "ray", "slurm"), default="serial", help="what computes the cells (default: this process)"
    )
    where.add_argument("--max-parallel", type=int, metavar="N", help="cells at a time (default: as many as the executor can)")
    where.add_argument("--retries", type=int, default=3, metavar="N", help="of a cell whose process was lost (default: 3)")
    where.add_argument(
        "--address", metavar="HOST:PORT", help="of a running Ray cluster (default: one of its own, on this machine)"
    )
    where.add_argument("--slurm-partition", metavar="NAME", help="of SLURM's (default: the cluster's)")
    show = parser.add_argument_group("show")
    show.add_argument("--list", action="store_true", help="methods, data sets, profiles, protocols; run nothing")
    show.add_argument(
        "--dry-run",
        action="store_true",
        help="cells, what is cached, estimated time and disk, wall time on several GPUs or machines; run nothing",
    )
    show.add_argument("--json", action="store_true", help="print machine-readable results instead of the table")
    show.add_argument("--markdown", action="store_true", help="with --dry-run: wall times as a Markdown table")
    show.add_argument(
        "--step-times",
        type=named_path,
        metavar="FILE",
        help="with --dry-run: of python -m benchmarks.speed training --json, instead of the profile's estimates",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(
        make_parser(),
        arguments,
        _dispatch,
        interrupted=lambda options: f"what is finished is kept in {options.output}; to go on: {_command_line(arguments)}",
    )


def _command_line(arguments: Sequence[str] | None) -> str:
    return shlex.join(["python", "-m", "benchmarks.run", *(sys.argv[1:] if arguments is None else arguments)])


def _dispatch(options: argparse.Namespace) -> int:
    if (options.list or options.dry_run) and os.environ.get("RANK", "0") != "0":  # the first process says it
        return 0
    if options.list:
        return _list(as_json=options.json)
    if not (options.all or options.ablation or options.methods or options.cell):
        raise UsageError("nothing to run: give --all, --ablation, --methods NAME … or --cell ID (--help shows examples)")
    if options.methods and (options.all or options.ablation):
        raise UsageError("--methods excludes --all and --ablation: give one of them")
    if (options.markdown or options.step_times) and not options.dry_run:
        raise UsageError(f"{'--markdown' if options.markdown else '--step-times'} is of --dry-run: add that")

    _check_where(options)
    go_offline_if_asked(options)

    from benchmarks.plan import find_cell, make_plan
    from benchmarks.profile import load_profile
    from benchmarks.workspace import Workspace

    profile = load_profile(options.profile, options.changes)
    seeds = _seeds(options.seeds)
    datasets = options.datasets or (["folder"] if options.data_dir else None)
    if options.data_dir and "folder" not in (*(datasets or ()), options.train_on):
        raise UsageError(f"--data-dir {options.data_dir}: nothing uses it: add folder to --datasets, or give --train-on folder")
    where = (datasets, seeds, options.train_on, options.data_dir)
    methods = _methods(options, profile)
    cells = make_plan(profile, methods, *where)
    related = cells if methods == list(profile.methods) else _related(profile, where)
    workspace = Workspace(options.output)
    if options.cell:
        cells = [find_cell(cells, options.cell)]
    if options.dry_run:
        from benchmarks.dry_run import print_dry_run

        print_dry_run(
            cells,
            workspace,
            profile,
            force=options.force,
            form="markdown" if options.markdown else "json" if options.json else "text",
            at_most=options.max_parallel,
            step_times=options.step_times,
        )
        return 0

    from benchmarks.executors.choose import make_executor
    from benchmarks.invocation import Invocation

    executor = make_executor(options.executor, workspace, profile, address=options.address, partition=options.slurm_partition)
    parallel = {"max_parallel": options.max_parallel, "retries": options.retries}
    show = {"force": options.force, "as_json": options.json}
    invocation = Invocation(profile, cells, related, workspace, executor, **parallel, **show)
    return _with_others(invocation, cells, workspace) if _is_one_of_several() else invocation.run()


def _check_where(options: argparse.Namespace) -> None:
    """Raise UsageError where options that say where cells are computed do not go together."""
    if options.max_parallel is not None and options.max_parallel < 1:
        raise UsageError(f"--max-parallel {options.max_parallel}: cells at a time are 1 or more")
    if options.retries < 0:
        raise UsageError(f"--retries {options.retries}: 0 or more")
    for option, value, executor in (
        ("--address", options.address, "ray"),
        ("--slurm-partition", options.slurm_partition, "slurm"),
    ):
        if value is not None and options.executor != executor:
            raise UsageError(f"{option} {value}: only with --executor {executor}")
    if options.executor != "serial" and _is_one_of_several():
        raise UsageError(
            f"--executor {options.executor} under torchrun: start it without, "
            "for it starts the processes of a training itself (gpus in the profile's resources)"
        )


def _is_one_of_several() -> bool:
    return os.environ.get("WORLD_SIZE", "1") != "1"


def _with_others(invocation: Invocation, cells: Sequence[Cell], workspace: Workspace) -> int:
    """One of several processes, started by torchrun: the first runs the plan, the others take part in its trainings."""
    from benchmarks import parallel
    from benchmarks.cells import follow

    parallel.start()
    try:
        if parallel.rank():
            follow(cells, workspace)
            return 0
        code = invocation.run()
        parallel.announce(None)
        return code
    finally:
        parallel.leave()


def _related(profile: Profile, where: tuple[Any, ...]) -> list[Cell]:
    """What tables show besides what is asked for; nothing where the data have not all that other methods need."""
    from benchmarks.plan import make_plan

    try:
        return make_plan(profile, None, *where)
    except UsageError:
        return []


def _methods(options: argparse.Namespace, profile: Profile) -> list[str]:
    """What is asked for by name; a variant comes after its method, whose trainings it may share."""
    from benchmarks.registry import METHODS, variants_of

    if options.methods:
        bases = [name.partition("/")[0] for name in options.methods if "/" in name]
        return list(dict.fromkeys((*bases, *options.methods)))
    wanted = list(profile.methods) if options.all or not options.ablation else []
    if options.ablation or options.cell:
        for base in METHODS:
            variants = [entry.name for entry in variants_of(base)]
            wanted += [base, *variants] if variants else []
    return list(dict.fromkeys(wanted))


def _seeds(given: Sequence[str] | None) -> list[int] | None:
    if given is None:
        return None
    for seed in given:
        if not seed.isascii() or not seed.isdigit() or len(seed) > 10 or int(seed) >= 2**31:
            raise UsageError(f"--seeds {seed}: seeds are whole numbers from 0 to {2**31 - 1}")
    return list(dict.fromkeys(int(seed) for seed in given))


def _list(*, as_json: bool) -> int:
    from benchmarks.data.cards import dataset_names, load_dataset_card
    from benchmarks.profile import load_profile, profile_names
    from benchmarks.protocols import PROTOCOLS
    from benchmarks.registry import METHODS, variants_of

    found: dict[str, dict[str, Any]] = {
        "methods": {method.name: method.title for method in METHODS.values()},
        "variants": {variant.name: variant.title for name in METHODS for variant in variants_of(name)},
        "datasets": {name: load_dataset_card(name).title for name in dataset_names()},
        "profiles": {name: load_profile(name).description for name in profile_names()},
        "protocols": {protocol.name: protocol.title for protocol in PROTOCOLS.values()},
    }
    if as_json:
        print(json.dumps(found, indent=1))
        return 0
    for kind, entries in found.items():
        print(f"{kind}:")
        for name, title in entries.items():
            print(f"  {name:<{max(map(len, entries))}} {title}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
