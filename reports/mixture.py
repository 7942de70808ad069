"""Banner over a table whose numbers were computed in different environments."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.results.record import EvaluationResult

# Packages that decide numbers: networks, images, metrics and denoisers.
DECISIVE = ("torch", "numpy", "scipy", "scikit-image", "pyiqa", "bm3d", "pillow")


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
