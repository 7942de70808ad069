"""Changes of scores that cell ids do not cover: a cell has the reference's id, and other scores.

A cell's id stands for everything that decides its scores, so that a result can be reused where the id is the same. If a cell is
computed again on the same environment and has other scores under the same id, code that decides scores is not covered by ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.regression.reference import EntryKey, Measured, Reference, rounded
from benchmarks.regression.verdicts import new_scores
from benchmarks.results.provenance import differences
from benchmarks.results.record import EvaluationResult

VERDICT = "cell id does not cover a change"


@dataclass(frozen=True)
class UncoveredChange:
    """A cell with the reference's id and other scores, computed on the reference's environment.

    Attributes:
        method: title of the entry: method, data set, seed.
        cell: id of the cell.
        columns: protocols and metrics whose scores differ.
    """

    method: str
    cell: str
    columns: tuple[str, ...]

    def sentence(self) -> str:
        """The contradiction in one line."""
        return f"cell {self.cell} has other scores than the reference ({', '.join(self.columns)}), under the same id"


def find_uncovered_changes(reference: Reference, measured: Measured) -> list[UncoveredChange]:
    """Compare the scores of cells that have the id of their entry in the reference, image by image.

    Only cells are compared that were computed on a CPU and on the reference's Python, processor and versions of packages: there
    the same cell gives the same scores. Elsewhere, other scores under the same id are expected.

    Args:
        reference: with ids of cells.
        measured: results, or reasons why there are none, by method, data set and seed.

    Returns:
        The cells with other scores, in the reference's order.
    """
    comparable = _comparable_results(reference, measured)
    changes = []
    for entry in reference.entries:
        result = comparable.get(entry.key)
        if result is None or result.cell.id != entry.cell:
            continue
        new = {column: new_scores(reference, entry, column, result) for column, _ in entry.columns()}
        measured_columns = {column: scores for column, scores in new.items() if not isinstance(scores, str)}
        old = {column: list(map(rounded, scores)) for column, scores in entry.columns()}
        different = tuple(" ".join(column) for column, scores in measured_columns.items() if scores != old[column])
        if different:
            changes.append(UncoveredChange(entry.title, entry.cell, different))
    return changes


def _comparable_results(reference: Reference, measured: Measured) -> Mapping[EntryKey, EvaluationResult]:
    """Results that were computed on a CPU and on the reference's environment."""
    return {
        key: result
        for key, result in measured.items()
        if not isinstance(result, str) and result.device == "cpu" and not differences(reference.environment, result.environment)
    }
