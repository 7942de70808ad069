"""Small trained weights that travel in the package, so that images can be enlarged before anything is trained."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.api.method import TrainedStage
from benchmarks.core.errors import UsageError, nearest, unknown
from benchmarks.core.files import write_atomically, write_text
from benchmarks.core.paths import ROOT
from benchmarks.core.strict import build, parse_json
from benchmarks.results.files import read_result, to_json
from benchmarks.results.layout import CELLS, RESULT
from benchmarks.results.record import EvaluationResult, TrainingResult
from benchmarks.results.trained import (
    latest_evaluation,
    load_stage,
    stage_settings,
    training_folder,
    unpack_weights,
)

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = ROOT / "benchmarks" / "pretrained"  # <name>.json, a card, and <name>.safetensors in float16
LARGEST = 1_500_000  # bytes of a weight file: all of them travel in every wheel


@dataclass(frozen=True)
class PackedStage:
    """A training whose weights, or a part of them, are packed.

    Attributes:
        cell: id of the training cell.
        weights_digest: SHA-256 of its ``weights.safetensors``.
        settings: fields of the stage's settings.
    """

    cell: str
    weights_digest: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class PackedMethod:
    """A method that the packed weights are enough for.

    Attributes:
        cell: id of the evaluation cell.
        stages: names of the stages that the method is built from.
        tile: side of a tile in LR pixels; 0 for whole images.
        threads: torch's threads on a CPU.
        scores: means over test images by protocol and metric, of the weights in float32.
    """

    cell: str
    stages: tuple[str, ...]
    tile: int
    threads: int
    scores: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Card:
    """Origin of packed weights.

    Attributes:
        sha256: of the weight file.
        scale: HR pixels per LR pixel.
        profile: settings of the training.
        dataset: data set of training and test.
        degradation: of both.
        seed: of the training.
        commit: of the code that trained.
        licence: of the weights.
        methods: by name.
        stages: by name.
    """

    sha256: str
    scale: int
    profile: str
    dataset: str
    degradation: str
    seed: int
    commit: str
    licence: str
    methods: dict[str, PackedMethod]
    stages: dict[str, PackedStage]


def packed_names() -> list[str]:
    """Names of all packed weights."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read_card(name: str) -> Card:
    """The card of packed weights. Raises UsageError, with the nearest name, where there is none."""
    path = FOLDER / f"{name}.json"
    if name not in packed_names():
        raise unknown("pretrained weights", name, packed_names())
    return build(Card, parse_json(path.read_text(encoding="utf-8")), str(path))


def load_packed(name: str, method: str) -> tuple[dict[str, TrainedStage], Card]:
    """Load the stages of a method from packed weights.

    Args:
        name: of the packed weights.
        method: name of the method.

    Returns:
        Stages by name, with the networks alone that the method needs to enlarge images, in float32; and the card.

    Raises:
        UsageError: the names are unknown, or the file is not the card's.
    """
    card, path = read_card(name), FOLDER / f"{name}.safetensors"
    if method not in card.methods:  # said before torch is imported, which takes seconds
        choices = nearest(method, card.methods)
        raise UsageError(f"the weights '{name}' have no '{method}': {choices}known: {', '.join(sorted(card.methods))}")

    from safetensors.torch import load

    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise UsageError(f"{path}: not the weights of its card: install the package again")
    weights = _by_stage(load(content))
    stages = {
        stage: TrainedStage(stage_settings(stage, card.stages[stage].settings, name), weights.get(stage, {}), card.scale)
        for stage in card.methods[method].stages
    }
    return stages, card


def _by_stage(flat: Mapping[str, Tensor]) -> dict[str, dict[str, dict[str, Tensor]]]:
    """Tensors in float32 by stage, network and parameter, of those under ``stage/network/parameter``."""
    stages: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        stage, _, rest = key.partition("/")
        stages.setdefault(stage, {})[rest] = tensor.float()
    return {stage: unpack_weights(tensors) for stage, tensors in stages.items()}


def pack(results: Path, name: str, methods: Sequence[str], networks: Sequence[str], seed: int, licence: str) -> Card:
    """Write packed weights and their card from a results folder.

    Args:
        results: results folder with a finished evaluation of each method.
        name: of the packed weights.
        methods: names of trained methods.
        networks: networks to pack, each as ``stage/network``.
        seed: of the trainings.
        licence: of the weights.

    Raises:
        UsageError: an evaluation or network is missing, the trainings are of several data sets, or the file would be too large.
    """
    from safetensors.torch import save

    evaluations = {method: latest_evaluation(results, method, seed) for method in methods}
    cells = {stage: cell for evaluation in evaluations.values() for stage, cell in evaluation.cell.needs.items()}
    folders = {stage: training_folder(results / CELLS, cell) for stage, cell in cells.items()}
    loaded = {stage: load_stage(folder) for stage, folder in folders.items()}
    flat: dict[str, Tensor] = {}
    for place in networks:
        stage, _, network = place.partition("/")
        if stage not in loaded or network not in loaded[stage].weights:
            known = [f"{stage}/{network}" for stage in loaded for network in loaded[stage].weights]
            raise unknown("network", place, known)
        flat |= {f"{place}/{key}": tensor.half().contiguous() for key, tensor in loaded[stage].weights[network].items()}
    content = save(flat)
    if len(content) > LARGEST:
        raise UsageError(f"{len(content)} bytes of weights: pack fewer networks, {LARGEST} bytes are the most")
    card = _card(evaluations, {stage: read_result(folder / RESULT) for stage, folder in folders.items()}, content, licence)
    write_atomically(FOLDER / f"{name}.safetensors", lambda file: file.write(content))
    write_text(FOLDER / f"{name}.json", to_json(asdict(card)) + "\n")
    return card


def _card(evaluations: Mapping[str, EvaluationResult], trainings: Mapping[str, object], content: bytes, licence: str) -> Card:
    """The card of a weight file's content. Raises UsageError if the evaluations are not of one data set and profile."""
    origins = {(each.profile or "", each.cell.dataset, each.data.degradation, each.data.scale) for each in evaluations.values()}
    if len(origins) != 1:
        raise UsageError("evaluations of several profiles, data sets or degradations: pack those of one run")
    ((profile, dataset, degradation, scale),) = origins
    first = next(iter(evaluations.values()))
    methods = {
        method: PackedMethod(
            result.cell.id,
            tuple(result.cell.needs),
            result.settings.tile,
            result.settings.threads,
            {
                protocol: {metric: interval.mean for metric, interval in metrics.items()}
                for protocol, metrics in result.summary.items()
            },
        )
        for method, result in evaluations.items()
    }
    stages = {
        stage: PackedStage(result.cell.id, result.weights_digest, result.settings.stage)
        for stage, result in trainings.items()
        if isinstance(result, TrainingResult)
    }
    sha256 = hashlib.sha256(content).hexdigest()
    commit = first.git.commit or ""
    return Card(sha256, scale, profile, dataset, degradation, first.cell.seed or 0, commit, licence, methods, stages)
