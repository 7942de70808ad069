"""``benchmarks.evaluate --explain`` and ``--find``: steps of protocols on a pair, and protocols that give a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

from benchmarks.api.image import Image
from benchmarks.catalog.protocols import PROTOCOLS, get_protocol
from benchmarks.core.errors import UsageError, one_line, unknown
from benchmarks.core.text import counted, number
from benchmarks.results.files import to_json
from benchmarks.scoring.explaining.explanation import Explanation, explain
from benchmarks.scoring.explaining.variants import BORDERS, COLOURS, Errors, psnr_of, squared_errors, variants
from benchmarks.scoring.protocol import Protocol

if TYPE_CHECKING:
    from benchmarks.data.file_pairs import FilePairs

TOLERANCES = {"psnr": 0.05, "ssim": 0.001}  # in dB, and in SSIM: papers print two decimals and three or four
LISTED = 8  # variants that are named, of those that fit

Load = Callable[[], tuple[Image, Image]]


@dataclass(frozen=True)
class Candidate:
    """A number of a set of images under a definition.

    Attributes:
        name: of the protocol, or the title of a variant that is no protocol.
        value: mean PSNR in dB, or mean SSIM.
        title: of the protocol; empty for variants.
    """

    name: str
    value: float
    title: str = ""


@dataclass(frozen=True)
class Search:
    """Definitions beside a number.

    Attributes:
        target: the number.
        metric: ``psnr`` or ``ssim``.
        images: number of images.
        protocols: numbers of protocols, the nearest first.
        variants: numbers of variants that are no protocols, the nearest first.
        unsuited: why images do not suit a protocol, by its name.
    """

    target: float
    metric: str
    images: int
    protocols: tuple[Candidate, ...]
    variants: tuple[Candidate, ...]
    unsuited: Mapping[str, str]

    def fits(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Candidates within the tolerance. Rounded, for 28.42 is 0.05 from 28.47."""
        return [c for c in candidates if round(abs(c.value - self.target), 9) <= TOLERANCES[self.metric]]


def print_explanation(pairs: FilePairs, image: str, protocol: str | None, *, as_json: bool) -> None:
    """Print what a protocol, or each, does to a pair of images.

    Args:
        pairs: files.
        image: name of the pair; the first one if empty.
        protocol: name of the only protocol; None for all that suit the pair.
        as_json: print JSON.

    Raises:
        UsageError: there is no such pair, a file cannot be decoded, or the images do not suit the only protocol.
    """
    name = image or next(iter(pairs.paths))
    if name not in pairs.paths:
        raise unknown("image", name, pairs.paths)
    sr, hr = _loaded(name, partial(pairs.load, name))
    chosen = [get_protocol(protocol)] if protocol else [get_protocol(each) for each in PROTOCOLS]
    explained, unsuited = dict[str, Explanation](), dict[str, str]()
    for each in chosen:
        try:
            explained[each.name] = explain(each, sr, hr)
        except UsageError as error:
            if protocol:
                raise UsageError(f"{name}: {error}") from error
            unsuited[each.name] = str(error)
    errors = squared_errors(sr, hr)
    if as_json:
        print(_explained_json(name, explained, unsuited, errors))
        return
    files = " and ".join(str(path) for path in pairs.paths[name])
    print(one_line(f"{name}: {files}"))
    for each in (each for each in chosen if each.name in explained):
        print(f"\n{each.name} v{each.version}: {each.title}")
        width = max(len(step.name) for step in explained[each.name].steps)
        for place, step in enumerate(explained[each.name].steps, start=1):
            print(f"  {place}. {step.name:<{width}}  {step.text}")
    for each_name, reason in unsuited.items():
        print(f"\n{each_name}: {reason}")
    _print_variants(errors)


def _print_variants(errors: Errors) -> None:
    """PSNR of a pair by colour and shaved border."""
    print("\nPSNR in dB of the same pair, by compared values and pixels shaved at every side:")
    width = max(map(len, COLOURS.values()))
    print(f"  {'':<{width}}" + "".join(f"{border:>9}" for border in BORDERS))
    for colour, title in COLOURS.items():
        row = [number(psnr_of(errors[colour, border]), 3) if (colour, border) in errors else "–" for border in BORDERS]
        print(f"  {title:<{width}}" + "".join(f"{text:>9}" for text in row))


def _explained_json(name: str, explained: Mapping[str, Explanation], unsuited: Mapping[str, str], errors: Errors) -> str:
    return to_json(
        {
            "image": name,
            "protocols": {
                protocol: {
                    "version": get_protocol(protocol).version,
                    "psnr": each.psnr,
                    "ssim": each.ssim,
                    "steps": [{"name": step.name, "text": step.text, "error": step.error} for step in each.steps],
                }
                for protocol, each in explained.items()
            },
            "unsuited": dict(unsuited),
            "variants": [
                {"colour": colour, "border": border, "psnr": psnr_of(error)} for (colour, border), error in errors.items()
            ],
        }
    )


def print_search(methods: Mapping[str, FilePairs], target: float, threads: int, *, as_json: bool) -> None:
    """Print which protocols and variants give a number for folders of results.

    Args:
        methods: files by name of the folder.
        target: mean PSNR in dB; a mean SSIM if it is at most 1.
        threads: pairs that are scored at a time.
        as_json: print JSON.

    Raises:
        UsageError: a file cannot be decoded, or no protocol suits the images.
    """
    searches = {}
    for name, pairs in methods.items():
        loads = {image: partial(pairs.load, image) for image in pairs.paths}
        searches[name] = search(loads, target, threads)
    if as_json:
        print(to_json({name: _search_json(found) for name, found in searches.items()}))
        return
    for name, found in searches.items():
        print("\n".join([one_line(f"{name}: {counted(found.images, 'image')}"), *_search_lines(found)]))


def search(pairs: Mapping[str, Load], target: float, threads: int = 1) -> Search:
    """Means of pairs of images under every protocol and variant, beside a number.

    Args:
        pairs: functions by name that return SR and HR image; they are called in threads.
        target: mean PSNR in dB; a mean SSIM if it is at most 1.
        threads: pairs that are scored at a time.

    Raises:
        UsageError: no protocol suits all images.
    """
    metric = "ssim" if abs(target) <= 1 else "psnr"
    protocols = [get_protocol(name) for name in PROTOCOLS]
    with ThreadPoolExecutor(threads) as pool:
        scored = list(pool.map(partial(_scored, protocols=protocols, metric=metric), pairs, pairs.values()))
    unsuited = {name: reason for _, reasons, _ in scored for name, reason in reasons.items()}
    suited = [protocol for protocol in protocols if protocol.name not in unsuited]
    if not suited:
        raise UsageError(next(iter(unsuited.values())))
    named = [Candidate(p.name, fmean(values[p.name] for values, _, _ in scored), p.title) for p in suited]
    others = []
    if metric == "psnr":
        errors = [error for _, _, error in scored]
        for variant in variants(len(pairs)):
            if variant.protocol not in PROTOCOLS and all((variant.colour, variant.border) in pair for pair in errors):
                others.append(Candidate(variant.title, variant.psnr(errors)))

    def distance(candidate: Candidate) -> float:
        return abs(candidate.value - target) if math.isfinite(candidate.value) else math.inf

    return Search(target, metric, len(pairs), tuple(sorted(named, key=distance)), tuple(sorted(others, key=distance)), unsuited)


def _scored(
    name: str, load: Load, protocols: Sequence[Protocol], metric: str
) -> tuple[dict[str, float], dict[str, str], dict[Any, float]]:
    """Numbers of a pair by protocol, reasons why it has none, and its squared errors by variant."""
    sr, hr = _loaded(name, load)
    values, reasons = dict[str, float](), dict[str, str]()
    for protocol in protocols:
        try:
            score = protocol.score(sr, hr, with_ssim=metric == "ssim")
            values[protocol.name] = score.ssim if metric == "ssim" else score.psnr
        except UsageError as error:
            reasons[protocol.name] = f"{name}: {error}"
    return values, reasons, squared_errors(sr, hr) if metric == "psnr" else {}


def _loaded(name: str, load: Load) -> tuple[Image, Image]:
    """SR and HR image; errors begin with the name of the pair."""
    try:
        return load()
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def _search_lines(found: Search) -> list[str]:
    digits, unit = (3, " dB") if found.metric == "psnr" else (4, "")
    tolerance = f"{TOLERANCES[found.metric]}{unit}"
    label = f"{found.metric.upper()} {found.target}{unit}"

    def line(candidate: Candidate) -> str:
        title = f": {candidate.title}" if candidate.title else ""
        off = f"{number(candidate.value, digits)}{unit} ({number(candidate.value - found.target, digits, '+')})"
        return f"  {off}  {candidate.name}{title}"

    fitting, others = found.fits(found.protocols), found.fits(found.variants)
    if fitting:
        lines = [f"{label}: within {tolerance}", *map(line, fitting)]
    else:
        nearest = found.protocols[0]
        lines = [f"{label}: no protocol: none within {tolerance}; nearest {nearest.name}, {number(nearest.value, digits)}{unit}"]
    if others:
        more = f", {len(others) - LISTED} more" if len(others) > LISTED else ""
        lines += [f"other definitions within {tolerance}, which are no protocols here{more}:", *map(line, others[:LISTED])]
    elif not fitting and found.variants:
        lines += ["nor any other definition; nearest", line(found.variants[0])]
    rest = [candidate for candidate in found.protocols if candidate not in fitting]
    lines += ["protocols that give other numbers:", *map(line, rest)] if rest else []
    lines += [f"{protocol}: left out: {one_line(reason)}" for protocol, reason in found.unsuited.items()]
    return lines


def _search_json(found: Search) -> dict[str, Any]:
    def plain(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
        fitting = found.fits(candidates)
        return [{"name": c.name, "value": c.value, "fits": c in fitting} for c in candidates]

    return {
        "target": found.target,
        "metric": found.metric,
        "tolerance": TOLERANCES[found.metric],
        "images": found.images,
        "protocols": plain(found.protocols),
        "variants": plain(found.variants),
        "unsuited": dict(found.unsuited),
    }
