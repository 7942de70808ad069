"""Gradients of the loss terms of CinCGAN's joint stage: their norms on G1 and SR, and the cosines between them.

The stage's own step computes them, with one term of the LR half and one of the HR half at a time and all learning rates at zero:
nothing of the step is written a second time, and no weight changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from benchmarks.training.stage import Stage

STAGE = "cincgan-joint"
TERMS = ("adversarial", "cycle", "identity", "tv")
HALVES = ("lr", "hr")  # names of the optimisers of both halves of a step, and of their terms
NETWORKS = ("g1", "sr")
TOTAL = "total"


@dataclass(frozen=True)
class NetworkGradients:
    """Gradients of weighted loss terms on the weights of a network, as means over batches.

    Attributes:
        network: ``g1`` or ``sr``.
        norms: L2 norm of each term's gradient, by term, such as ``lr_cycle``; ``lr_total`` and ``hr_total`` are the sums that the
            optimisers of both halves step down. Terms that do not reach the network are left out.
        cosines: cosine of the angle between the gradients of two terms, in [-1, 1].
    """

    network: str
    norms: Mapping[str, float]
    cosines: Mapping[str, Mapping[str, float]]


class _Batch:
    """Sampler that gives one batch again and again."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def draw(self) -> Any:
        """The batch, of X."""
        return self._batch

    draw_pairs = draw


def measure(stage: Any, batches: int, report: Callable[[int], None] = lambda done: None) -> list[NetworkGradients]:
    """Measure the gradients of each loss term of the joint stage on batches of its own sampler.

    Args:
        stage: the joint stage with its weights; without an inner stage it has no LR half. It cannot be trained afterwards.
        batches: number of batches to average over.
        report: called with the number of batches done.

    Returns:
        Gradients by network; of networks with weights only.
    """
    from benchmarks.training.loop import prepare

    prepare(stage)
    for optimizer in stage.optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = 0.0
    networks = [name for name in NETWORKS if list(stage.networks[name].parameters())]
    sums = {name: _Sums() for name in networks}
    samplers = stage.x, stage.pairs
    for done in range(batches):
        stage.x, stage.pairs = (_Batch(draw()) for draw in (samplers[0].draw, samplers[1].draw_pairs))
        gradients = _of_terms(stage, networks)
        for name in networks:
            sums[name].add({term: by_network[name] for term, by_network in gradients.items() if name in by_network})
        report(done + 1)
    return [NetworkGradients(name, *sums[name].means(batches)) for name in networks]


def _of_terms(stage: Any, networks: Sequence[str]) -> dict[str, dict[str, Tensor]]:
    """Flat gradients by term and network, of one batch."""
    settings = stage.settings
    gradients: dict[str, dict[str, Tensor]] = {}
    halves = [half for half in HALVES if half in stage.optimizers]
    with _recorded(stage, networks) as recorded:
        for term in TERMS:
            weighted = [half for half in halves if getattr(getattr(settings, f"{half}_losses"), term)]
            if not weighted:
                continue
            stage.settings = replace(settings, **{f"{half}_losses": _alone(settings, half, term) for half in weighted})
            stage.step(settings.warmup_steps)
            gradients |= {f"{half}_{term}": recorded[half] for half in weighted}
    stage.settings = settings
    return gradients


def _alone(settings: Any, half: str, term: str) -> Any:
    """The losses of a half with all weights but one at zero."""
    return replace(getattr(settings, f"{half}_losses"), **dict.fromkeys((name for name in TERMS if name != term), 0.0))


@contextmanager
def _recorded(stage: Stage, networks: Sequence[str]) -> Iterator[dict[str, dict[str, Tensor]]]:
    """Keep the gradients with which the optimisers step, by half and network, inside the block."""
    import torch

    recorded: dict[str, dict[str, Tensor]] = {}

    def record(half: str) -> None:
        own = {id(parameter) for group in stage.optimizers[half].param_groups for parameter in group["params"]}
        recorded[half] = {
            name: torch.cat([_gradient(parameter) for parameter in stage.networks[name].parameters()])
            for name in networks
            if id(next(stage.networks[name].parameters())) in own
        }

    def hook(half: str) -> Callable[..., None]:
        return lambda optimizer, arguments, options: record(half)

    handles = [stage.optimizers[half].register_step_pre_hook(hook(half)) for half in HALVES if half in stage.optimizers]
    try:
        yield recorded
    finally:
        for handle in handles:
            handle.remove()


def _gradient(parameter: Tensor) -> Tensor:
    """Gradient of a parameter, flat, in float64; zeros where no gradient reached it."""
    import torch

    gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
    return gradient.detach().double().flatten()


class _Sums:
    """Sums of norms and cosines over batches, for one network."""

    def __init__(self) -> None:
        self._norms: dict[str, float] = {}
        self._cosines: dict[tuple[str, str], list[float]] = {}

    def add(self, gradients: Mapping[str, Tensor]) -> None:
        """Add the gradients of a batch by term, with the sums of both halves."""
        vectors = {term: gradient for term, gradient in gradients.items() if gradient.any()}
        for half in HALVES:
            if own := [vector for term, vector in vectors.items() if term.startswith(f"{half}_")]:
                vectors[f"{half}_{TOTAL}"] = sum(own[1:], own[0])
        norms = {term: float(vector.norm()) for term, vector in vectors.items()}
        for term, vector in vectors.items():
            self._norms[term] = self._norms.get(term, 0.0) + norms[term]
            for other, another in vectors.items():
                cosine = float(vector @ another) / (norms[term] * norms[other])
                self._cosines.setdefault((term, other), []).append(cosine)

    def means(self, batches: int) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
        """Mean norms by term, and mean cosines by two terms."""
        norms = {term: norm / batches for term, norm in sorted(self._norms.items(), key=lambda item: _place(item[0]))}
        means = {pair: sum(cosines) / len(cosines) for pair, cosines in self._cosines.items()}
        return norms, {term: {other: means[term, other] for other in norms if (term, other) in means} for term in norms}


def _place(term: str) -> tuple[int, int]:
    """Place of a term in tables: LR terms, their sum, HR terms, their sum."""
    half, _, name = term.partition("_")
    return HALVES.index(half), (*TERMS, TOTAL).index(name)


def as_text(gradients: Sequence[NetworkGradients]) -> str:
    """Tables of norms and cosines, one for each network, in Markdown."""
    tables = []
    for own in gradients:
        terms = list(own.norms)
        rows = [[own.network, "norm", *terms], ["---", *["---:"] * (len(terms) + 1)]]
        for term in terms:
            cosines = [f"{own.cosines[term][other]:+.2f}" if other in own.cosines[term] else "" for other in terms]
            rows.append([term, f"{own.norms[term]:.3g}", *cosines])
        tables.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    return "\n\n".join(tables)
