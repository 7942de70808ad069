"""All parts of ``python -m benchmarks.speed`` in turn, with sizes that take minutes on two cores."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from benchmarks.core.errors import UsageError
from benchmarks.measuring.apart import apart
from benchmarks.measuring.figures import Figure
from benchmarks.measuring.record import SpeedRecord, machine
from benchmarks.planning.step_times import StepFigure

if TYPE_CHECKING:
    from benchmarks.api.image import Image
    from benchmarks.catalog.profiles import Profile

PROFILE = "demo"
TILED = (("edsr", (256, 192), 0), ("cincgan", (256, 192), 0), ("cincgan", (256, 192), 128))  # method, LR size, tile


def measure_all(
    photographs: Callable[[], Sequence[Image]],
    repeat: int,
    keep: Callable[[SpeedRecord], None] = lambda record: None,
) -> SpeedRecord:
    """Measure every part, with a line on standard error for each figure.

    Args:
        photographs: returns HR images ``(H, W, 3)`` uint8 RGB.
        repeat: runs per time, of which the best counts.
        keep: called after each part with the record so far.

    Returns:
        The record. A measurement whose prerequisites are missing is named in ``left_out``; the others go on.
    """
    from benchmarks.results.provenance import git

    record = SpeedRecord(machine(), git(), "", repeat)
    for part, measure in _parts(photographs, repeat):
        figures, reasons = list[Any](), list[str]()
        try:
            for figure in measure():
                figures.append(figure)
                print(f"{part}: {_line(figure)}", file=sys.stderr, flush=True)
        except UsageError as error:
            reasons.append(f"{part}: {error}")
            print(f"{part}: left out: {error}", file=sys.stderr, flush=True)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        found: dict[str, Any] = {part: tuple(figures), "left_out": (*record.left_out, *reasons)}
        record = replace(record, finished_at=now, **found)
        keep(record)
    return record


def _parts(
    photographs: Callable[[], Sequence[Image]], repeat: int
) -> Iterable[tuple[str, Callable[[], Iterable[Figure | StepFigure]]]]:
    """Functions that measure a part, by its name, the quick parts first."""
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.measuring.evaluation import measure_evaluation, measure_tiling
    from benchmarks.measuring.loading import measure_loading
    from benchmarks.measuring.startup import measure_startup

    profile = load_profile(PROFILE)
    return (
        ("startup", lambda: measure_startup(repeat)),
        (
            "tiling",
            lambda: (apart(f"tiling of {method}", measure_tiling, method, profile, size, tile) for method, size, tile in TILED),
        ),
        ("loading", lambda: measure_loading(photographs(), patch_size=32, batch_size=16, repeat=repeat)),
        ("evaluation", lambda: measure_evaluation(photographs(), profile.threads, repeat)),
        ("training", lambda: measure_steps(profile, list(profile.stages), ("float32", "bfloat16"), repeat)),
    )


def measure_steps(profile: Profile, stages: Sequence[str], precisions: Sequence[str], repeat: int) -> Iterator[StepFigure]:
    """Measure the steps of stages in precisions, but for a precision that would be slower on this device: a line says so."""
    from benchmarks.measuring.training_steps import measure_training

    for stage in stages:
        for precision in dict.fromkeys(precisions):
            figure = measure_training(profile, stage, precision, repeat)
            if figure.precision == precision:
                yield figure
            else:
                print(f"{stage}: {precision} would be slower than float32 on this device: left out", file=sys.stderr)


def _line(figure: Figure | StepFigure) -> str:
    if isinstance(figure, Figure):
        ratio = f", {figure.ratio:.1f} times faster than {figure.against}" if figure.ratio else ""
        return f"{figure.what}: {figure.shown(figure.seconds)} {figure.unit}{ratio}"
    if figure.missing:
        return f"{figure.stage}: {figure.missing}"
    ratio = f", {figure.ratio:.2f} times faster than the reference step" if figure.ratio else ""
    return f"{figure.stage}, {figure.precision}: {figure.seconds or 0:.3f} s a step{ratio}"
