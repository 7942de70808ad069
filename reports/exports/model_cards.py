"""Model cards for Hugging Face: a README with metadata, and evaluation results as YAML, for each training of a method."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.catalog.methods import get_method, is_method
from benchmarks.catalog.metrics import get_metric
from benchmarks.core.text import markdown, number
from benchmarks.data.photographs import photographs_of
from benchmarks.results.layout import RESULT, WEIGHTS
from benchmarks.results.record import EvaluationResult, TrainingResult
from benchmarks.statistics.intervals import ScoreMatrix, estimate
from reports.studies import UNVERIFIED, FinishedCell, Study

TASK = {"type": "image-to-image", "name": "super-resolution"}


@dataclass(frozen=True)
class TrainedModel:
    """A training of a method with its evaluations.

    Attributes:
        method: name of the method.
        seed: of the training.
        evaluations: on any data sets, the first one on the data set that names the folder.
        trainings: by stage.
    """

    method: str
    seed: int | None
    evaluations: tuple[FinishedCell, ...]
    trainings: Mapping[str, FinishedCell]

    @property
    def name(self) -> str:
        """Name for folders and for the card's ``model-index``."""
        key = re.sub(r"[^A-Za-z0-9._-]+", "-", self.method)[:60]
        ids = [cell.id for cell in self.trainings.values()]  # the last stage starts from the others
        return f"{key}-seed{self.seed}-{ids[-1][:8]}"

    @property
    def results(self) -> list[EvaluationResult]:
        """Results of the evaluations."""
        return [cell.evaluation for cell in self.evaluations]


def trained_models(studies: Iterable[Study], cells: Mapping[str, FinishedCell]) -> list[TrainedModel]:
    """Every training of a method that was evaluated on test images, with all of its evaluations, in the order of names."""
    found: dict[tuple[object, ...], dict[str, FinishedCell]] = {}
    for study in studies:
        for evidence in study.methods.values():
            for cell in evidence:
                needs = cell.result.cell.needs
                if study.split == "test" and needs and set(needs.values()) <= cells.keys():
                    found.setdefault((cell.label, cell.seed, *sorted(needs.values())), {})[cell.id] = cell
    models = []
    for evaluations in found.values():
        first, *others = sorted(evaluations.values(), key=lambda cell: cell.id)
        trainings = {stage: cells[need] for stage, need in first.result.cell.needs.items()}
        models.append(TrainedModel(first.label, first.seed, (first, *others), trainings))
    return sorted(models, key=lambda model: model.name)


def model_card(model: TrainedModel) -> str:
    """``README.md`` of a model: metadata as YAML, then a text. Names of anybody's results are escaped."""
    import yaml

    title = get_method(model.method).title if is_method(model.method) else ""
    metadata = {
        "license": "other",
        "license_name": "terms-of-code-data-and-weights",
        "library_name": "cincgan-benchmark",
        "pipeline_tag": TASK["type"],
        "tags": ["super-resolution", "image-restoration", *_family(model)],
        "metrics": sorted({metric for result in model.results for scores in result.scores.values() for metric in scores}),
        "model-index": [{"name": model.name, "results": [entry for result in model.results for entry in _index(result)]}],
    }
    front = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=1000)
    lines = [
        f"# {markdown(model.method)}, seed {model.seed}",
        *([markdown(f"{title[0].upper()}{title[1:]}.")] if title else []),
        *_training(model),
        "## Scores",
        "Means over images and 95 % t-intervals over photographs, of this training. A number without its protocol is no result.",
        _scores(model),
        *_limits(model),
        "## Use",
        f"Each folder of `stages/` is a training cell: its `{WEIGHTS}`, and its `{RESULT}` with settings, seed, data digest and "
        "commit. `python -m benchmarks.upscale photo.jpg --weights stages/NAME --output large` enlarges images with them.",
    ]
    return f"---\n{front}---\n\n" + "\n\n".join(lines) + "\n"


def evaluation_results(model: TrainedModel, namespace: str, url: str = "") -> dict[str, str]:
    """Files of the folder ``.eval_results`` by name, one a data set.

    Args:
        model: a training with its evaluations.
        namespace: owner of the data sets on the Hub.
        url: address of the whole results; empty for none.
    """
    import yaml

    entries: dict[str, list[dict[str, Any]]] = {}
    for cell in model.evaluations:
        result, unverified = cell.evaluation, ", unverified: no digest of the content" if cell.is_unverified else ""
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", result.cell.dataset)
        for protocol, metric, value, interval in _finite(result):
            version = result.settings.protocols.get(protocol, 1)
            entry: dict[str, Any] = {
                "dataset": {"id": f"{namespace}/{name}", "task_id": f"{protocol}-{metric}"},
                "value": value,
                "date": result.finished_at,
            }
            if url:
                entry["source"] = {"url": url, "name": "cincgan-benchmark"}
            entry["notes"] = (
                f"{get_metric(metric).label} under protocol {protocol} v{version}, 95 % interval {interval}, "
                f"{len(result.images)} images, data digest {result.data.digest[:16]}, cell {result.cell.id}{unverified}"
            )
            entries.setdefault(f"{name}.yaml", []).append(entry)
    return {name: yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=1000) for name, found in entries.items()}


def _family(model: TrainedModel) -> list[str]:
    return [get_method(model.method).family] if is_method(model.method) else []


def _index(result: EvaluationResult) -> Iterator[dict[str, Any]]:
    """Entries of ``model-index``: one a protocol, since a metric's number is one of its protocol."""
    for protocol in result.scores:
        metrics = [
            {"type": metric, "value": value, "name": f"{get_metric(metric).label} ({protocol})"}
            for other, metric, value, _ in _finite(result)
            if other == protocol
        ]
        if metrics:
            version = result.settings.protocols.get(protocol, 1)
            dataset = {
                "type": result.cell.dataset,
                "name": result.cell.dataset,
                "config": f"{protocol}-v{version}",
                "split": result.settings.split,
                "args": {"digest": result.data.digest, "scale": result.data.scale},
            }
            yield {"task": dict(TASK), "dataset": dataset, "metrics": metrics}


def _finite(result: EvaluationResult) -> Iterator[tuple[str, str, float, str]]:
    """Protocol, metric, mean and interval as text; infinite means, which no site takes, are left out."""
    for protocol, columns in result.scores.items():
        for metric, values in columns.items():
            photographs = photographs_of(result)
            mean = estimate(ScoreMatrix.fixed(list(values.values())), [photographs[image] for image in values])
            if math.isfinite(mean.mean):
                digits = get_metric(metric).digits + 1
                yield protocol, metric, mean.mean, f"{number(mean.low, digits)} to {number(mean.high, digits)}"


def _training(model: TrainedModel) -> Iterator[str]:
    yield "## Training"
    rows = []
    for stage, cell in model.trainings.items():
        result = cell.result
        if isinstance(result, TrainingResult):
            commit = f"{(result.git.commit or 'unknown')[:10]}{' with changes' if result.git.dirty else ''}"
            steps = "" if result.settings.steps is None else f"{result.settings.steps}"
            profile = result.profile or "unknown"
            rows.append((stage, result.cell.dataset, profile, steps, result.weights_digest[:16], commit, result.cell.id))
    yield _table(("stage", "data", "profile", "steps", "SHA-256 of weights", "commit", "cell"), rows)


def _scores(model: TrainedModel) -> str:
    rows = []
    for result in model.results:
        for protocol, metric, value, interval in _finite(result):
            entry = get_metric(metric)
            version = result.settings.protocols.get(protocol, 1)
            shown = f"{number(value, entry.digits)} {entry.unit}".rstrip()
            rows.append((result.cell.dataset, f"{protocol} v{version}", entry.label, shown, interval, f"{len(result.images)}"))
    return _table(("data", "protocol", "metric", "mean", "95 % interval", "images"), rows)


def _limits(model: TrainedModel) -> Iterator[str]:
    reasons = sorted({result.exploratory for result in model.results} - {""})
    failed = any(result.undertrained for result in model.results)
    unverified = any(cell.is_unverified for cell in (*model.evaluations, *model.trainings.values()))
    if reasons or failed or unverified:
        yield "## Limits"
    if unverified:
        yield f"{UNVERIFIED[0].upper()}{UNVERIFIED[1:]}."
    yield from (f"Exploratory, no results: {markdown(reason)}." for reason in reasons)
    if failed:
        yield "The method fails a sanity check of this training: no claim may rest on its scores."


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([markdown(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
