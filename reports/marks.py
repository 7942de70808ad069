"""Marks of rows and tables: failed sanity checks, learned methods below floors, numbers of different environments."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from benchmarks.catalog.methods import get_method, is_method
from benchmarks.core.text import counted, number
from benchmarks.data.matching import some
from benchmarks.planning.frozen import why_seeds_are_exploratory
from benchmarks.results.record import EvaluationResult, SanityCheck

SEEN = {"validation": "validation images", "z": "images that training has seen", "pairs": "images that training has seen"}
# Packages that decide numbers: networks, images, metrics and denoisers.
DECISIVE = ("torch", "numpy", "scipy", "scikit-image", "pyiqa", "bm3d", "pillow")


def row_marks(results: Mapping[str, Sequence[EvaluationResult]], psnr: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Texts of marked rows, by method.

    Args:
        results: by method, one a seed.
        psnr: mean PSNR by protocol and method.
    """
    below = below_floors(psnr)
    texts = {
        method: (undertrained(evaluations), below.get(method, ""), unscored(evaluations))
        for method, evaluations in results.items()
    }
    return {method: "; ".join(filter(None, parts)) for method, parts in texts.items() if any(parts)}


def exploratory(profile: str, results: Sequence[EvaluationResult]) -> str:
    """Reasons why a method's scores are no results of a frozen profile; empty for results, and for validation images.

    Args:
        profile: name of the profile.
        results: of the method, one a seed.
    """
    reasons = dict.fromkeys(result.exploratory for result in results)
    if any(result.settings.split == "test" for result in results) and not any(reasons):
        return why_seeds_are_exploratory(profile, [seed for result in results if (seed := result.cell.seed) is not None])
    return "; ".join(filter(None, reasons))


def infinite(psnr: Mapping[str, Sequence[float]]) -> str:
    """Text on images whose PSNR is infinite, which hide the others in a mean; empty if there are none, or no others.

    Args:
        psnr: PSNR of every image, by protocol.
    """
    texts = []
    for protocol, values in psnr.items():
        finite = [value for value in values if math.isfinite(value)]
        if 0 < len(finite) < len(values):
            of = f"{len(values) - len(finite)} of {counted(len(values), 'image')}"
            texts.append(f"{of} equal to the ground truth ({protocol}), PSNR of the others {number(fmean(finite), 2)} dB")
    return "; ".join(texts)


def unscored(results: Sequence[EvaluationResult]) -> str:
    """Text on SR images that no-reference metrics have refused; means are of the others. Empty if there are none."""
    refused: dict[str, dict[str, None]] = {}
    for result in results:
        for metric, names in result.unscored.items():
            refused.setdefault(metric, {}).update(dict.fromkeys(names))
    return "; ".join(
        f"no {metric} of {counted(len(names), 'image')} ({some(list(names))}), too small for it or without contrast"
        for metric, names in refused.items()
    )


def undertrained(results: Sequence[EvaluationResult]) -> str:
    """Text of the failed sanity check with the least gain, over seeds; empty if none failed."""
    failed = [check for result in results for check in result.sanity if check.verdict == "undertrained"]
    return text_of(min(failed, key=lambda check: check.gain)) if failed else ""


def text_of(check: SanityCheck) -> str:
    """Text of a failed check."""
    gained, needed = f"{check.gain:+.2f} dB over bicubic", f"{check.margin:+.2f} needed"
    return f"undertrained: {gained} on {check.inputs} LR of {SEEN[check.split]}, {needed}"


def below_floors(psnr: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Texts for learned methods whose mean PSNR is below that of a floor: of bicubic, or of a classical method.

    All floors count: the best by these scores would be a floor that was chosen by test images.

    Args:
        psnr: mean PSNR by protocol and method.

    Returns:
        Texts by method, without the methods that are below no floor.
    """
    texts: dict[str, list[str]] = {}
    for protocol, means in psnr.items():
        floors = [mean for method, mean in means.items() if not is_learned(method)]
        for method, mean in means.items():
            below = sum(mean < floor for floor in floors)
            if below and is_learned(method):
                texts.setdefault(method, []).append(f"{below} of {counted(len(floors), 'floor')} ({protocol})")
    return {method: f"mean PSNR below {', '.join(parts)}" for method, parts in texts.items()}


def is_learned(method: str) -> bool:
    """True if a method's weights were learned: here, by others, or on each image. Classical methods learn nothing of noise."""
    if not is_method(method):  # a user's own model
        return True
    entry = get_method(method)
    return entry.group != "classical" and bool(entry.stages or entry.weights or entry.inference)


def is_trained(result: EvaluationResult) -> bool:
    """True if scores are of a training, of which others would score otherwise: here, by others, or of a user's own model.

    Classical methods have none, and a method that is trained on each image is trained anew whenever it is called.
    """
    method = result.cell.label
    on_each_image = is_method(method) and bool(get_method(method).inference)
    return result.cell.seed is not None or (is_learned(method) and not on_each_image)


def code_mixture(mixed: Mapping[str, str]) -> str:
    """A sentence on methods whose seeds are of different code, and count as trainings of one method all the same.

    Args:
        mixed: parts and their codes, by method, as of a study.
    """
    listed = "; ".join(f"{method}: {text}" for method, text in mixed.items())
    return f"Trainings of one method by different code ({listed})." if mixed else ""


def mixture(results: Iterable[EvaluationResult]) -> str:
    """A sentence on devices, processors, precisions and versions of packages that differ among results; empty if none do.

    Trainings count with the evaluations that need them. A precision is compared stage by stage, for profiles may give stages
    different ones.
    """
    values: dict[str, set[str]] = {}

    def note(name: str, value: str) -> None:
        if value:
            values.setdefault(name, set()).add(value)

    for result in results:
        here = result.environment
        machines = [(result.device, here.processor, here.versions)]
        for stage, training in result.trained_with.items():
            note(f"precision of {stage}", f"{training.precision}{', TF32' if training.tf32 else ''}")
            machines.append((training.device, training.processor, training.versions))
        for device, processor, versions in machines:
            note("device", device)
            note("processor", processor)
            for package in DECISIVE:
                note(package, versions.get(package, ""))
    mixed = [f"{name} ({' / '.join(sorted(found))})" for name, found in values.items() if len(found) > 1]
    return f"Mixed environments, which move numbers: {'; '.join(mixed)}." if mixed else ""
