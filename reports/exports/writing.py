"""The folder of an export: model cards beside weights, CSV, Croissant, result files, and RO-Crate metadata of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.core.errors import UsageError
from benchmarks.core.paths import CARDS
from benchmarks.data.cards import dataset_names, load_dataset_card
from benchmarks.results.layout import RESULT, WEIGHTS
from reports.exports.crate import METADATA, crate
from reports.exports.croissant import to_croissant
from reports.exports.model_cards import TrainedModel, evaluation_results, model_card, trained_models
from reports.exports.rows import to_csv
from reports.page.folder import ReportFolder
from reports.page.viewer import slug
from reports.sharing.leaderboard import make_leaderboards
from reports.studies import FinishedCell, make_studies

HUB = "cincgan-benchmark"  # owner of data sets on the Hub, where none is given


def export(evidence: Sequence[FinishedCell], output: Path, *, namespace: str = HUB, url: str = "") -> list[str]:
    """Write results in the formats of other sites.

    Args:
        evidence: finished cells.
        output: folder to write to; files that an earlier export wrote are replaced or removed.
        namespace: owner of the data sets on the Hugging Face Hub.
        url: address of the results, for evaluation results there; empty for none.

    Returns:
        A line for each kind of export.

    Raises:
        UsageError: there is no evaluation of test images, the folder cannot be written, or has a file of the same name that no
            export wrote.
    """
    studies = make_studies(evidence)
    boards = make_leaderboards(studies, ())
    if not boards:
        raise UsageError(f"{output}: not written: no finished evaluation of test images: run benchmarks.run first")
    cells = {cell.id: cell for cell in evidence}
    folder = ReportFolder(output)
    folder.add_text("results.csv", to_csv(boards, cells))
    models = trained_models(studies, cells)
    for model in models:
        _add_model(folder, model, namespace, url)
    results = {cell.id: _add_result(folder, cell) for cell in evidence}
    datasets = _add_cards(folder, sorted({name for cell in evidence for name in _datasets(cell)} & set(dataset_names())))
    folder.add_text(METADATA, crate(evidence, folder.sizes(), {cell: path for cell, path in results.items() if path}))
    folder.save()
    return [
        f"results.csv      {sum(len(board.lines) for board in boards)} rows of {len(boards)} leaderboards",
        f"models/          {len(models)} model cards with weights and evaluation results",
        f"datasets/        {datasets} cards, as Croissant too",
        f"{METADATA}  RO-Crate of {len(evidence)} cells",
    ]


def _datasets(cell: FinishedCell) -> set[str]:
    return {cell.result.cell.dataset, *cell.result.data.trained_on.split(", ")}


def _add_model(folder: ReportFolder, model: TrainedModel, namespace: str, url: str) -> None:
    """Add a model's card, its evaluation results, and the weights of its stages as far as they are here."""
    place = f"models/{slug(model.name)}"
    folder.add_text(f"{place}/README.md", model_card(model))
    for name, text in evaluation_results(model, namespace, url).items():
        folder.add_text(f"{place}/.eval_results/{name}", text)
    for stage, cell in model.trainings.items():
        for name in (WEIGHTS, RESULT):
            if cell.folder and (cell.folder / name).is_file():
                folder.add_copy(f"{place}/stages/{slug(stage)}/{name}", cell.folder / name)


def _add_result(folder: ReportFolder, cell: FinishedCell) -> str:
    """Add a cell's result file. Returns its path; empty if there is no file, as for results from MLflow."""
    if cell.folder is None:
        return ""
    path = f"results/{slug(cell.folder.name)}/{RESULT}"
    folder.add_copy(path, cell.folder / RESULT)
    return path


def _add_cards(folder: ReportFolder, names: Sequence[str]) -> int:
    """Add cards of data sets, and their Croissant metadata where the kind has files of common names. Returns their number."""
    for name in names:
        folder.add_copy(f"datasets/{name}.toml", CARDS / f"{name}.toml")
        if text := to_croissant(load_dataset_card(name)):
            folder.add_text(f"datasets/{name}.croissant.json", text)
    return len(names)
