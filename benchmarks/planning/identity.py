"""The code of a cell: which source decides its outcome."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.api.entries import Split
from benchmarks.catalog.methods import get_method, get_stage
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.protocols import PROTOCOLS
from benchmarks.core.code_digest import code_digest
from benchmarks.core.lazy import module_of
from benchmarks.data.dataset import Dataset
from benchmarks.planning.cells import Cell
from benchmarks.results.record import EvaluationSettings

TRAINING = "benchmarks.training.cell"
EVALUATION = "benchmarks.scoring.cell"


def training_code(stage: str, data: Dataset, splits: Sequence[Split]) -> str:
    """The target of a stage, and the digest of the source that trains it: its own, the loop's, the degradations'."""
    return _named(get_stage(stage).target, TRAINING, *data.modules(splits))


def evaluation_code(method: str, settings: EvaluationSettings, data: Dataset) -> str:
    """The target of a method, and the digest of the source that scores it: its own, protocols', metrics', degradations'."""
    protocols = [module_of(PROTOCOLS.look_up(name).target) for name in settings.protocols]
    metrics = [module_of(get_metric(name).target) for name in settings.metrics if get_metric(name).target]
    return _named(get_method(method).target, EVALUATION, *protocols, *metrics, *data.modules(("test",)))


def code_here(cell: Cell) -> str:
    """The code of a cell as it is on this machine, which need not be the one that planned the cell."""
    if isinstance(cell.settings, EvaluationSettings):
        return evaluation_code(cell.label, cell.settings, cell.data)
    return training_code(cell.label, cell.data, cell.splits)


def _named(target: str, *modules: str) -> str:
    return f"{target} {code_digest(module_of(target), *modules)}"
