"""Origin of numbers: every cell as text for the page's dialog."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from benchmarks.results.files import to_json
from benchmarks.results.layout import CELLS, RESULT
from benchmarks.results.record import OWN_CODE, DataRecord, Environment, EvaluationResult, Git, Result, TrainingResult
from reports.marks import undertrained
from reports.studies import UNVERIFIED, FinishedCell
from reports.tables import ELSEWHERE


def origins(evidence: Iterable[FinishedCell]) -> dict[str, dict[str, Any]]:
    """For each cell, by id: a title, facts as pairs of texts, the settings as JSON, and the ids of the cells that it needs."""
    return {
        cell.id: {
            "title": title(cell),
            "facts": [[name, text] for name, text in _facts(cell) if text],
            "settings": to_json(_settings(cell.result)),
            "needs": list(cell.result.cell.needs.values()),
        }
        for cell in evidence
    }


def _settings(result: Result) -> dict[str, Any]:
    if isinstance(result, EvaluationResult) and result.profile == ELSEWHERE:
        return {"metrics": result.settings.metrics}
    return asdict(result.settings) if isinstance(result, TrainingResult | EvaluationResult) else {}


def title(evidence: FinishedCell) -> str:
    """Kind of the cell, method or stage, and seed; the folder alone of SR images that were made elsewhere."""
    if evidence.result.profile == ELSEWHERE:
        return evidence.label
    seed = "" if evidence.seed is None else f", seed {evidence.seed}"
    return f"{evidence.result.cell.kind} {evidence.label}{seed}"


def _facts(evidence: FinishedCell) -> list[tuple[str, str]]:
    if evidence.result.profile == ELSEWHERE:
        return _facts_of_images(evidence.result)
    result = evidence.result
    cell, data = result.cell, result.data
    missing = result.missing if isinstance(result, EvaluationResult) else {}
    file = f"{CELLS}/{evidence.folder.name}/{RESULT}" if evidence.folder else ""
    file = f"{evidence.root}/{file}" if evidence.root and file else file
    return [
        ("cell", evidence.id),
        ("method" if cell.kind == "evaluate" else "stage", evidence.label),
        *_submission(result),
        ("data set", cell.dataset),
        ("trained on", data.trained_on),
        ("seed", "none: nothing is drawn" if evidence.seed is None else str(evidence.seed)),
        ("profile", result.profile or ""),
        ("changed settings", " ".join(f"--set {change}" for change in result.changes)),
        ("commit", commit(result.git)),
        ("code", cell.code),
        ("data digest", data.digest),
        ("degradation", _degradation(data)),
        ("computed in", _computed(result)),
        ("weights digest", result.weights_digest if isinstance(result, TrainingResult) else ""),
        *_weaknesses(result),
        ("diverged", result.diagnosis),
        ("unverified", UNVERIFIED.partition(": ")[2] if evidence.is_unverified else ""),
        ("another outcome in", ", ".join(evidence.differs)),
        ("missing", "; ".join(f"{metric}: {why}" for metric, why in missing.items())),
        ("environment", _environment(result.environment)),
        ("packages", ", ".join(f"{name} {version}" for name, version in result.environment.versions.items())),
        ("MLflow run", evidence.mlflow or "not mirrored"),
        ("finished", f"{result.finished_at}, after {result.seconds} s"),
        ("result file", file),
    ]


def _facts_of_images(result: Result) -> list[tuple[str, str]]:
    """Facts on scores of SR images that were made elsewhere."""
    return [
        ("folder", result.cell.label),
        ("images", result.cell.code.removeprefix(OWN_CODE).strip()),
        ("scored by commit", commit(result.git)),
        ("environment", _environment(result.environment)),
        ("packages", ", ".join(f"{name} {version}" for name, version in result.environment.versions.items())),
        ("scored", result.finished_at),
    ]


def _weaknesses(result: Result) -> list[tuple[str, str]]:
    """Marks of the cell alone: scores that are no results, and a failed sanity check."""
    if not isinstance(result, EvaluationResult):
        return []
    return [("exploratory", result.exploratory), ("sanity", undertrained([result]))]


def _submission(result: Result) -> list[tuple[str, str]]:
    """Origin of submitted images, as their authors tell it."""
    if not isinstance(result, EvaluationResult) or result.submission is None:
        return []
    card = result.submission.card
    return [
        ("title", card.title),
        ("authors", card.authors),
        ("family", card.family),
        ("submitted by", card.by),
        ("address", card.url),
        ("trained on (as told)", card.trained_on),
        ("licence of the images", card.licence),
        ("remark", card.note),
        ("scored by", result.submission.scored_by),
    ]


def commit(git: Git) -> str:
    """The commit, and a remark if the work tree had changes, or if either is unknown."""
    if not git.commit:
        return f"unknown: {git.unknown or 'no checkout'}"
    unknown = f", uncommitted changes unknown: {git.unknown}" if git.unknown else ""
    return f"{git.commit}{' with uncommitted changes' if git.dirty else unknown}"


def _computed(result: Result) -> str:
    """Precision, device and number of processes; old results lack some of them."""
    if not isinstance(result, TrainingResult):
        return result.device
    several = f", {result.processes} processes" if result.processes > 1 else ""
    return ", ".join(filter(None, (result.precision, result.device))) + several


def _degradation(data: DataRecord) -> str:
    parameters = ", ".join(f"{name} {value}" for name, value in (data.parameters or {}).items())
    return f"{data.degradation}{f' ({parameters})' if parameters else ''}"


def _environment(environment: Environment) -> str:
    parts = (f"Python {environment.python or '?'}", environment.platform, environment.processor, environment.host)
    return ", ".join(part for part in parts if part)
