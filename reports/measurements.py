"""Results of a table or a study as arrays: scores by method, protocol and metric, with the photographs that images show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.data.photographs import photographs_of
from benchmarks.results.record import NO_REFERENCE, EvaluationResult
from benchmarks.statistics.intervals import Estimate, Photographs, ScoreMatrix, estimate
from benchmarks.statistics.significance import Difference
from reports.marks import is_trained

Column = tuple[str, str]  # protocol, metric
Results = Mapping[str, Sequence[EvaluationResult]]  # by method, one result a seed


@dataclass(frozen=True)
class Measurements:
    """Scores of methods on the same images.

    Attributes:
        groups: the photograph of each image, by the image's name.
        scores: by method and column; rows are trainings, images are in the order of ``groups``.
        partial: images of the columns that lack some, because a metric has refused them, by column.
    """

    groups: Mapping[str, str]
    scores: Mapping[str, Mapping[Column, ScoreMatrix]]
    partial: Mapping[Column, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Results) -> Measurements:
        """Measurements of results, all of the same images. Columns that a seed of a method lacks are left out for this method."""
        first = next((result for evaluations in results.values() for result in evaluations if result.scores), None)
        groups = photographs_of(first) if first else {}
        partial = _partial([result for evaluations in results.values() for result in evaluations], list(groups))
        images = defaultdict(lambda: tuple(groups), partial)
        return cls(groups, {name: _matrices(evaluations, images) for name, evaluations in results.items()}, partial)

    @property
    def photographs(self) -> int:
        """Number of photographs."""
        return len(set(self.groups.values()))

    def columns(self, method: str) -> Mapping[Column, ScoreMatrix]:
        """Scores of a method by column; none if it has none."""
        return self.scores.get(method, {})

    def estimate(self, scores: ScoreMatrix, column: Column) -> Estimate:
        """Mean of a column with its interval over photographs and trainings."""
        return estimate(scores, self._groups(column))

    def _groups(self, column: Column) -> list[str]:
        """The photograph of each image of a column."""
        return [self.groups[image] for image in self.partial.get(column, self.groups)]

    def difference(self, method: str, other: str, column: Column) -> Difference | None:
        """Difference of two methods; None if one of them lacks the column."""
        first, second = (self.columns(name).get(column) for name in (method, other))
        return Difference(first, second, Photographs(self._groups(column))) if first and second else None


def _partial(results: Sequence[EvaluationResult], images: Sequence[str]) -> dict[Column, tuple[str, ...]]:
    """Images that all results with a column have, by column; of columns that lack some."""
    lacking: dict[Column, set[str]] = {}
    for result in results:
        for metric, names in result.unscored.items():
            lacking.setdefault((NO_REFERENCE, metric), set()).update(names)
    return {column: tuple(image for image in images if image not in names) for column, names in lacking.items()}


def _matrices(evaluations: Sequence[EvaluationResult], images: Mapping[Column, Sequence[str]]) -> dict[Column, ScoreMatrix]:
    if not evaluations:
        return {}
    first, *others = [result.scores for result in evaluations]
    trained = is_trained(evaluations[0])
    return {
        (protocol, metric): ScoreMatrix(
            np.array([[scores[protocol][metric][image] for image in images[protocol, metric]] for scores in (first, *others)]),
            trained,
        )
        for protocol, metrics in first.items()
        for metric in metrics
        if images[protocol, metric] and all(metric in scores.get(protocol, {}) for scores in others)
    }
