"""Contradictions between the fields of a result, which types cannot express."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.results.record import NO_REFERENCE, EvaluationResult, Result, TrainingResult

LARGEST_STEP = 1e12


def refuse_contradictions(result: Result) -> None:
    """Raise ValueError if fields contradict each other, or a text has characters that cannot be printed."""
    for text in result.texts():
        if text is not None and not text.isprintable():
            raise ValueError(f"{text[:40]!a} has characters that cannot be printed")
    has_scores = isinstance(result, EvaluationResult) and bool(result.scores)
    if result.has_diverged != bool(result.diagnosis) or (result.diagnosis and has_scores):
        raise ValueError("a diverged cell has a diagnosis and no scores, a complete cell has no diagnosis")
    if isinstance(result, EvaluationResult):
        if not result.pictures:
            _refuse_different_images(result.scores.values())
        if result.groups and result.scores and result.groups.keys() != set(result.images):
            raise ValueError("groups of other images than the scored ones")
        if result.submission and result.scores and result.submission.images.keys() != set(result.images):
            raise ValueError("a submission of other images than the scored ones")
        if not result.settings.protocols:
            raise ValueError("an evaluation without settings.protocols")
        if result.pictures and result.scores.keys() - {NO_REFERENCE}:
            raise ValueError("scores under a protocol, which needs ground truth, beside pictures, which have none")
        columns = [column for metrics in result.scores.values() for column in metrics.values()]
        if result.pictures and any(column.keys() - set(result.pictures) for column in columns):
            raise ValueError("scores of other images than the pictures")
    if isinstance(result, TrainingResult) and any(not _has_step(point) for point in result.history):
        raise ValueError(f"an entry of history without a step from 0 to {LARGEST_STEP:.0e}")


def _refuse_different_images(scores: Iterable[Mapping[str, Mapping[str, float]]]) -> None:
    if len({frozenset(column) for metrics in scores for column in metrics.values()}) > 1:
        raise ValueError("scores of different images under different protocols or metrics")


def _has_step(point: Mapping[str, float]) -> bool:
    return "step" in point and 0 <= point["step"] <= LARGEST_STEP
