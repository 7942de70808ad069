"""The verdict of a designed study, in one sentence that its comparisons state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.catalog.methods import get_method
from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import counted, number
from reports.designed.contrasts import Contrast, Contrasts
from reports.grid import interval
from reports.measurements import Column


def verdict(contrasts: Contrasts) -> str:
    """Sentence on what can be told, and of what not; effects that cannot be told have no number in it.

    Args:
        contrasts: of a study, with comparisons or without.
    """
    if not contrasts.all:
        return f"Nothing can be told: no configuration has scores beside those of `{contrasts.design.start}`."
    if contrasts.obstacle:
        return f"Nothing can be told: {contrasts.obstacle}."
    one = any(contrast.difference.is_of_one_training for contrast in contrasts.all)
    alone = ", in these trainings alone (one seed)" if one else ""
    return f"{_steps(contrasts)}; {_curves(contrasts)}{alone}."


def _steps(contrasts: Contrasts) -> str:
    """Clause on the configurations beside ``start``."""
    if not contrasts.from_start:
        return f"`{contrasts.design.start}` has no scores, so that nothing is compared with it"
    count = len({contrast.pair for contrast in contrasts.from_start})
    start = f"`{contrasts.design.start}` ({get_method(contrasts.design.start).title})"
    clauses = [_sides(contrasts, column) for column in contrasts.columns]
    if not any(clauses):
        metrics = " or ".join(title(column) for column in contrasts.columns)
        return f"None of {counted(count, 'configuration')} can be told from {start} in {metrics}"
    told = "; ".join(filter(None, clauses))
    silent = [title(column) for column, clause in zip(contrasts.columns, clauses, strict=True) if not clause]
    rest = f"; in {' and '.join(silent)} none can be told from it" if silent else ""
    return f"Of {counted(count, 'configuration')} beside {start}, {told}{rest}"


def _sides(contrasts: Contrasts, column: Column) -> str:
    """Numbers of configurations that are better and worse than ``start``, with the largest effect; empty if none is."""
    own = [contrast for contrast in contrasts.from_start if contrast.column == column]
    parts = []
    for side in ("better", "worse"):
        if effects := [contrast for contrast in own if contrast.effect == side]:
            most = max(effects, key=lambda contrast: abs(contrast.comparison.difference.mean))
            parts.append(f"{len(effects)} {'is' if len(effects) == 1 else 'are'} {side} (most: `{most.pair[0]}`, {gap(most)})")
    return f"in {title(column)} {' and '.join(parts)}" if parts else ""


def _curves(contrasts: Contrasts) -> str:
    """Clause on the curves beside each other."""
    first, second = contrasts.design.curves
    if not contrasts.between_curves:
        return f"{first} and {second} cannot be compared"
    told = []
    for column in contrasts.columns:
        for side in ("better", "worse"):
            effects = [own for own in contrasts.between_curves if own.column == column and own.effect == side]
            places = [f"{_place(contrasts, own)} ({gap(own)})" for own in effects]
            told += [f"{title(column)} is {side} {first} than {second} at {', '.join(places)}"] if places else []
    every = dict.fromkeys(_place(contrasts, own) for own in contrasts.between_curves)
    return "; ".join(told) or f"{first} and {second}, scores cannot be told apart at {', '.join(every)}"


def _place(contrasts: Contrasts, contrast: Contrast) -> str:
    steps = contrasts.joint_steps(contrast.pair[0])
    return f"`{contrast.pair[0]}`" if steps is None else f"{steps} steps"


def title(column: Column) -> str:
    """Label of a metric and its protocol."""
    protocol, metric = column
    return f"{get_metric(metric).label} under `{protocol}`"


def unit(column: Column) -> str:
    """Unit of a metric with a space before it; empty if it has none."""
    name = get_metric(column[1]).unit
    return f" {name}" if name else ""


def decimals(column: Column) -> int:
    """Decimals of differences: one more than of scores, for configurations differ little."""
    return get_metric(column[1]).digits + 1


def gap(contrast: Contrast) -> str:
    """Text of a difference with its interval."""
    mean, brackets = interval(contrast.comparison.difference, decimals(contrast.column), "+")
    return f"{mean} ({brackets}){unit(contrast.column)}" if brackets else f"{mean}{unit(contrast.column)}"


def shown(contrast: Contrast) -> str:
    """Text of a difference that is told apart, with its interval; of another its interval alone."""
    if contrast.effect:
        return gap(contrast)
    _, brackets = interval(contrast.comparison.difference, decimals(contrast.column), "+")
    return f"({brackets})" if brackets else "–"


def smallest(least: Mapping[Column, float | None]) -> str:
    """Sentence on the smallest differences that comparisons find with a probability of 80 %; empty without any."""
    texts = [
        f"{title(column)} {'no difference of any size' if size is None else number(size, decimals(column)) + unit(column)}"
        for column, size in least.items()
    ]
    return f"Smallest difference that is found with a probability of 80 %: {', '.join(texts)}." if texts else ""


def told(contrasts: Sequence[Contrast]) -> str:
    """Metrics in which a pair is told apart, and on which side; or that it is not, or cannot be."""
    if effects := [f"{own.effect}: {title(own.column).replace('`', '')}" for own in contrasts if own.effect]:
        alone = " (in these trainings alone)" if any(own.difference.is_of_one_training for own in contrasts) else ""
        return "; ".join(effects) + alone
    return "–" if not contrasts else "cannot be told" if all(own.comparison.reason for own in contrasts) else "no"
