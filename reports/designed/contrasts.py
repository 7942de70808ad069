"""Comparisons of a designed study's configurations on one data set, corrected together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.studies import DesignedStudy
from benchmarks.results.record import EvaluationResult
from benchmarks.statistics.intervals import Photographs
from benchmarks.statistics.significance import Comparison, Difference, judge, paired, resolved
from reports.measurements import Column, Measurements
from reports.studies import Study

COLUMNS: tuple[Column, ...] = (("ntire2018", "psnr"), ("rgb", "psnr"), ("rgb", "lpips"))
Pair = tuple[str, str]  # configurations: scores of the first less those of the second


@dataclass(frozen=True)
class Contrast:
    """A comparison of two configurations under a metric.

    Attributes:
        column: protocol and metric.
        pair: the configurations.
        seeds: of the trainings that both have.
        difference: scores of the first configuration less those of the second, image by image and seed by seed.
        comparison: its verdict, corrected over all comparisons of the study.
    """

    column: Column
    pair: Pair
    seeds: tuple[int, ...]
    difference: Difference
    comparison: Comparison

    @property
    def effect(self) -> Literal["better", "worse", ""]:
        """Side of the first configuration, better or worse; empty where the two are not told apart."""
        if not self.comparison.differs:
            return ""
        is_higher = self.comparison.difference.mean > 0
        return "better" if is_higher == get_metric(self.column[1]).higher_is_better else "worse"


@dataclass(frozen=True)
class Contrasts:
    """All comparisons of a designed study on one data set.

    Attributes:
        design: question and configurations.
        study: evaluations.
        from_start: comparisons of the other configurations with ``design.start``.
        between_curves: comparisons of configurations at the same place of two curves.
        least: by column, the smallest difference that is found with a probability of 80 %; None if no difference of any size.
    """

    design: DesignedStudy
    study: Study
    from_start: Sequence[Contrast]
    between_curves: Sequence[Contrast]
    least: Mapping[Column, float | None]

    @property
    def all(self) -> list[Contrast]:
        """All comparisons that are corrected together."""
        return [*self.from_start, *self.between_curves]

    @property
    def columns(self) -> list[Column]:
        """Protocols and metrics that any configuration was compared under."""
        return [column for column in COLUMNS if column in self.least]

    @property
    def obstacle(self) -> str:
        """Why no comparison can be told; empty if one can, or if there is none."""
        reasons = [contrast.comparison.reason for contrast in self.all]
        return reasons[0] if reasons and all(reasons) else ""

    def find(self, pair: Pair, column: Column) -> Contrast | None:
        """The comparison of two configurations; None if one of them lacks scores."""
        return next((contrast for contrast in self.all if (contrast.pair, contrast.column) == (pair, column)), None)

    def start_mean(self, column: Column) -> float:
        """Mean score of ``design.start`` over images and seeds."""
        return float(self.study.measurements.columns(self.design.start)[column].by_image.mean())

    def joint_steps(self, name: str) -> int | None:
        """Training steps of a configuration beyond those of ``design.start``; None if they are not known."""
        steps, start = (self.study.steps.get(own) for own in (name, self.design.start))
        return None if steps is None or start is None else steps - start


def make_contrasts(design: DesignedStudy, study: Study) -> Contrasts:
    """Compare the configurations of a designed study that have scores in an evaluated one."""
    from_start = [(name, design.start) for name in design.tried[1:]]
    contrasts, least = compare(study, [*from_start, *curve_pairs(design)])
    split = {is_start: [own for own in contrasts if (own.pair in from_start) == is_start] for is_start in (True, False)}
    return Contrasts(design, study, split[True], split[False], least)


def compare(study: Study, pairs: Sequence[Pair]) -> tuple[list[Contrast], dict[Column, float | None]]:
    """Comparisons of pairs under every metric, corrected together, and by column the smallest difference that they resolve.

    Args:
        study: evaluations.
        pairs: of methods, variants or configurations; pairs without common seeds or scores are left out.
    """
    families = {column: _differences(study.results, pairs, column) for column in COLUMNS}
    together = [(column, pair, *compared) for column, family in families.items() for pair, compared in family.items()]
    named = {(f"{' '.join(column)}: {pair[0]}", pair[1]): difference for column, pair, _, difference in together}
    contrasts = [
        Contrast(column, pair, seeds, difference, comparison)
        for (column, pair, seeds, difference), comparison in zip(together, judge(named), strict=True)
    ]
    least = {
        column: resolved([difference for _, difference in family.values()], len(together))
        for column, family in families.items()
        if family
    }
    return contrasts, least


def curve_pairs(design: DesignedStudy) -> list[Pair]:
    """Different configurations at the same place of the two curves, those of the first curve first."""
    first, second = design.curves.values()
    return [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]]


def _differences(
    results: Mapping[str, Sequence[EvaluationResult]], pairs: Sequence[Pair], column: Column
) -> dict[Pair, tuple[tuple[int, ...], Difference]]:
    """Seeds and differences of the pairs that have common seeds and the column."""
    found = {}
    for pair in pairs:
        by_seed = [{result.cell.seed or 0: result for result in results.get(name, ())} for name in pair]
        seeds = tuple(sorted(by_seed[0].keys() & by_seed[1].keys()))
        own = {name: [one[seed] for seed in seeds] for name, one in zip(pair, by_seed, strict=True)}
        measurements = Measurements.of(own)
        first, second = (measurements.columns(name).get(column) for name in pair)
        if first is not None and second is not None:
            found[pair] = (seeds, paired(first, second, Photographs(list(measurements.groups.values()))))
    return found
