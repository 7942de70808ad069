"""The code of a cell: which source decides its outcome, and whether that source is still as it was planned with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.api.entries import Split
from benchmarks.catalog.methods import get_method, get_stage
from benchmarks.catalog.metrics import get_metric
from benchmarks.catalog.protocols import PROTOCOLS
from benchmarks.core.code_digest import changed_files, code_digest, package_of, source_digests
from benchmarks.core.errors import UsageError
from benchmarks.core.lazy import check, module_of
from benchmarks.core.plugins import versions
from benchmarks.data.acquisition.weights import card_digest, file_digest
from benchmarks.data.dataset import Dataset
from benchmarks.planning.cells import Cell
from benchmarks.results.record import NO_REFERENCE, EvaluationSettings

TRAINING = "benchmarks.training.cell"
EVALUATION = "benchmarks.scoring.cell"
PICTURES = "benchmarks.scoring.pictures"


@dataclass(frozen=True)
class Code:
    """The code that decides a cell's outcome.

    Attributes:
        name: the target, and the digest of all sources.
        sources: digests of the sources, by module.
    """

    name: str
    sources: Mapping[str, str]


def training_code(stage: str, data: Dataset, splits: Sequence[Split]) -> Code:
    """Target of a stage and digests of its modules, of the training loop and of the degradations."""
    entry = get_stage(stage)
    for target in (entry.target, entry.settings):
        check(target, f"training stage '{stage}'")
    return _code(entry.target, TRAINING, *data.modules(splits))


def evaluation_code(method: str, settings: EvaluationSettings, data: Dataset, training: Dataset | None) -> Code:
    """Target of a method and digests of its modules and of those that score it: protocols, metrics, degradations.

    Args:
        method: name of the method.
        settings: of the evaluation.
        data: test images.
        training: data set with the images of sanity checks; None for an untrained method.
    """
    entry = get_method(method)
    check(entry.target, f"method '{method}'")
    for name in settings.metrics:
        if target := get_metric(name).target:
            check(target, f"metric '{name}'")
    metrics = [module_of(get_metric(name).target) for name in settings.metrics if get_metric(name).target]
    if NO_REFERENCE in settings.protocols:
        return _code(entry.target, PICTURES, *metrics, packages=entry.packages)
    protocols = [module_of(PROTOCOLS.look_up(name).target) for name in settings.protocols]
    held_out = training.modules(("z", *(check.split for check in settings.sanity))) if training else ()
    modules = (EVALUATION, *protocols, *metrics, *data.modules((settings.split,)), *held_out)
    return _code(entry.target, *modules, packages=entry.packages)


def code_here(cell: Cell) -> Code:
    """Target and code digest of a cell in this process. They differ from the cell's if other code planned it."""
    if isinstance(cell.settings, EvaluationSettings):
        return evaluation_code(cell.label, cell.settings, cell.data, cell.training_data)
    return training_code(cell.label, cell.data, cell.splits)


def changed_inputs(cell: Cell) -> list[str]:
    """Files that are other now than the cell's identity says: sources and cards of weights, relative to the project's folder."""
    weights = dict(cell.settings.weights)
    files = [str(cell.file)] if cell.file and file_digest(cell.file) != weights.pop(cell.label) else []
    for metric in cell.settings.metrics.values() if isinstance(cell.settings, EvaluationSettings) else ():
        weights |= metric["weights"]
    cards = [f"datasets/weights/{name}.toml" for name, digest in weights.items() if card_digest(name) != digest]
    return changed_files(cell.sources) + cards + files


def _code(target: str, *modules: str, packages: Sequence[str] = ()) -> Code:
    """Target, digests of modules, and versions of packages and of the plug-ins that the modules are of."""
    modules = (module_of(target), *modules)
    name = " ".join((target, code_digest(*modules), *versions(map(package_of, modules)), *map(_versioned, packages)))
    return Code(name, source_digests(*modules))


def _versioned(package: str) -> str:
    """Name and version of an installed package, whose extra has its name. Raises UsageError if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError:
        raise UsageError(f"the Python package '{package}' is not installed: pip install 'cincgan-benchmark[{package}]'") from None
