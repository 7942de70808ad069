"""``python -m benchmarks.freeze``: fix the settings of a profile, so that its test scores count as results."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchmarks.core.command import Parser, end_process, run_command
from benchmarks.core.errors import BenchmarkError, UsageError

if TYPE_CHECKING:
    from benchmarks.catalog.profiles import Profile
    from benchmarks.planning.frozen import Frozen

EXAMPLES = """\
examples:
  python -m benchmarks.freeze demo                     settings as they are now; then commit benchmarks/catalog/frozen.toml
  python -m benchmarks.freeze demo --seeds 0 1 2       test scores of these seeds will count, in this order
  python -m benchmarks.freeze demo --also-tested bsd100-hr     test scores of the same trainings will count on this data set too
  python -m benchmarks.freeze --check                  whether the settings of frozen profiles are still the frozen ones

Choose settings on validation images first (python -m benchmarks.run --split validation). Test scores under settings,
of seeds, on images or of methods trained on images that are not frozen are labelled exploratory in results, tables, CSV and
report.

exit codes: 0 written or unchanged, 1 --check found other settings, 2 wrong use
"""
HEADER = """\
# Settings whose test scores count as results: a hash of the settings of each method, seeds and code aside. docs/choices.md
# says how they were chosen, and what was frozen again after test scores had been seen.
# Written by python -m benchmarks.freeze; test scores under other settings, of other seeds or on other images are exploratory.
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser(
        "python -m benchmarks.freeze", "Fix the settings of profiles, so that test scores count as results.", EXAMPLES
    )
    parser.add_argument("profiles", nargs="*", metavar="PROFILE", help="profiles to freeze as they are now")
    parser.add_argument(
        "--seeds", nargs="+", type=int, metavar="N", help="seeds whose scores count (default: as before, or the profile's)"
    )
    parser.add_argument(
        "--also-tested",
        nargs="*",
        metavar="NAME",
        help="test data sets beside the profile's own, scored with the same trainings (default: as before; without a name: none)",
    )
    parser.add_argument("--check", action="store_true", help="compare present settings with the frozen ones; write nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.core.files import write_text
    from benchmarks.planning.frozen import PATH, freeze, frozen_profiles

    if options.check and (options.profiles or options.seeds or options.also_tested is not None):
        raise UsageError("--check excludes PROFILE, --seeds and --also-tested: it compares all frozen profiles, writing none")
    if not (options.check or options.profiles):
        raise UsageError("give profiles to freeze, or --check (--help shows examples)")
    if options.check:
        return _check()
    if options.seeds and (min(options.seeds) < 0 or len(set(options.seeds)) < len(options.seeds)):
        raise UsageError("--seeds: different whole numbers from 0 on")
    profiles = {name: load_profile(name) for name in options.profiles}
    for name in options.also_tested or ():
        _refuse_data(name, profiles)
    new = {name: freeze(profile, options.seeds, options.also_tested) for name, profile in profiles.items()}
    frozen = {**frozen_profiles(), **new}
    write_text(PATH, HEADER + "".join(f"\n{_table(name, frozen[name])}" for name in sorted(frozen)))
    print(f"frozen: {', '.join(options.profiles)}; commit {PATH}")
    return 0


def _refuse_data(name: str, profiles: Mapping[str, Profile]) -> None:
    """Raise UsageError for a data set that has no fixed test images, or that a profile tests anyway."""
    from benchmarks.data.cards import load_dataset_card

    card = load_dataset_card(name)
    if not card.is_located or not card.has("test"):
        raise UsageError(f"--also-tested {name}: this data set has no test images of its own: name another")
    for profile, settings in profiles.items():
        if name in settings.datasets:
            raise UsageError(f"--also-tested {name}: profile {profile} is tested on it already: leave it out")


def _check() -> int:
    """Compare every frozen profile with its present settings. Raises BenchmarkError where they differ."""
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.planning.frozen import frozen_profiles, stale_names

    for name in frozen_profiles():
        if stale := stale_names(load_profile(name)):
            mend = f"choose on validation images, then python -m benchmarks.freeze {name}"
            raise BenchmarkError(f"profile '{name}': other settings than the frozen ones ({', '.join(stale)}): {mend}")
        print(f"{name}: as frozen")
    return 0


def _table(name: str, frozen: Frozen) -> str:
    seeds = ", ".join(map(str, frozen.seeds))
    also_tested = f"[{name}.also_tested]\n{_lines(frozen.also_tested)}\n" if frozen.also_tested else ""
    return f"[{name}]\nseeds = [{seeds}]\n\n{also_tested}[{name}.methods]\n{_lines(frozen.methods)}"


def _lines(methods: Mapping[str, str]) -> str:
    return "".join(f'"{method}" = "{value}"\n' for method, value in methods.items())


if __name__ == "__main__":
    end_process(main())
