"""``python -m benchmarks.pack``: pack weights of a run into the package, for users who have trained nothing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.core.command import Parser, end_process, named_path, run_command
from benchmarks.core.errors import UsageError

LICENCE = "Apache-2.0, as the project; trained on photographs that packages carry (docs/data.md)"
EXAMPLES = """\
examples:
  python -m benchmarks.pack --results runs --name demo --methods cincgan edsr \\
      --networks edsr/sr cincgan-joint/g1 cincgan-joint/sr        then commit benchmarks/pretrained/
  python -m benchmarks.pack --list                                packed weights: methods, origin and scores

Only the networks that enlarge an image are worth their bytes. They are packed in float16, 1.5 MB at most, and used in float32.
CinCGAN.pretrained("demo") and python -m benchmarks.upscale read them.

exit codes: 0 written or listed, 2 wrong use, or the results have no finished evaluation of a method
"""


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m benchmarks.pack", "Pack weights of a run into the package.", EXAMPLES)
    parser.add_argument("--results", type=named_path, default=Path("runs"), metavar="DIR", help="results folder (default: runs)")
    parser.add_argument("--name", metavar="NAME", help="name of the packed weights")
    parser.add_argument("--methods", nargs="+", default=[], metavar="NAME", help="trained methods that are to work with them")
    parser.add_argument("--networks", nargs="+", default=[], metavar="STAGE/NETWORK", help="networks to pack")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the trainings (default: 0)")
    parser.add_argument("--licence", default=LICENCE, metavar="TEXT", help=f"of the weights (default: {LICENCE})")
    parser.add_argument("--list", action="store_true", help="list packed weights; write nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    return run_command(make_parser(), arguments, _dispatch)


def _dispatch(options: argparse.Namespace) -> int:
    from benchmarks.results.pretrained import FOLDER, pack, packed_names, read_card

    if options.list:
        for name in packed_names():
            card = read_card(name)
            print(f"{name}: {', '.join(card.methods)}; {card.profile} on {card.dataset} ({card.degradation}), seed {card.seed}")
            for method, packed in card.methods.items():
                scores = (f"{protocol} PSNR {metrics['psnr']:.2f} dB" for protocol, metrics in packed.scores.items())
                print(f"  {method}: {', '.join(scores)}")
        return 0
    if not (options.name and options.methods and options.networks):
        raise UsageError("give --name, --methods and --networks, or --list (--help shows an example)")
    if not options.name.isidentifier():
        raise UsageError(f"--name {options.name}: letters, digits and underscores only")
    card = pack(options.results, options.name, options.methods, options.networks, options.seed, options.licence)
    print(f"packed: {', '.join(card.methods)}; commit {FOLDER}")
    return 0


if __name__ == "__main__":
    end_process(main())
