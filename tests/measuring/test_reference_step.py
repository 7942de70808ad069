"""The step of every stage against its reference step: each loss, and each gradient of each update.

Gradients are compared in float64. In float32 they are not continuous in the rounding of the forward pass: an input of a LeakyReLU
that rounding moves across 0 changes the slope behind it. On a processor with AVX2 alone two of 204,800 inputs (of at most 1.5e-6)
did so in a step of pseudo-supervision, and the gradients of one network differed by 1e-3; in float64 they agree to 3e-15.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
import torch
from _pytest.mark import ParameterSet
from torch import Tensor, nn

from benchmarks.api.entries import StageEntry
from benchmarks.catalog.methods import get_stage, stages
from benchmarks.core.lazy import resolve
from benchmarks.data.pixels.patches import HostImages
from benchmarks.measuring.reference_step import ReferenceStep
from benchmarks.training.loop import prepare
from tests.helpers.stages import needs_published_weights, with_all_terms
from tests.helpers.steps import Gradients, record_gradients

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}  # relative difference of losses, and in float64 of gradients


def cases(entries: Collection[StageEntry]) -> list[ParameterSet]:
    """A case for every stage; a stage without a reference step is skipped, for there is nothing to compare it with."""
    without = pytest.mark.skip(reason="the stage has no reference step")
    return [
        pytest.param(
            entry.name, marks=[pytest.mark.network] * needs_published_weights(entry) + [without] * (not entry.reference_step)
        )
        for entry in entries
    ]


STAGES = cases(stages().values())


def states(networks: dict[str, nn.Module]) -> dict[str, dict[str, Tensor]]:
    return {name: {key: value.clone() for key, value in net.state_dict().items()} for name, net in networks.items()}


def relative_difference(ours: Tensor, reference: Tensor) -> float:
    """The norm of the difference over the norm of the reference."""
    return float((ours - reference).norm() / reference.norm())


@pytest.fixture
def double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images, noise and all tensors that a step casts to float32 are float64."""
    cut = HostImages.cut
    monkeypatch.setattr(HostImages, "cut", lambda *args: cut(*args).double())
    monkeypatch.setattr(Tensor, "float", Tensor.double)


def both_steps(name: str, dtype: torch.dtype) -> tuple[dict[str, Tensor], dict[str, Tensor], Gradients, Gradients]:
    """Losses and gradients of our step and of the reference step, from the same weights and random numbers.

    The reference goes on from our weights after each update: Adam makes whole steps of the rounding of vanishing gradients.
    """
    ours, plain = with_all_terms(name), with_all_terms(name)
    prepare(ours)
    reference: ReferenceStep = resolve(get_stage(name).reference_step)(plain)
    modules = [*ours.networks.values(), *reference.networks.values()]
    modules += [stage.features for stage in (ours, plain) if hasattr(stage, "features")]
    modules += [module for stage in (ours, plain) for module in vars(stage).values() if isinstance(module, nn.Module)]
    for module in modules:
        module.to(dtype)
    weights: list[dict[str, dict[str, Tensor]]] = []
    gradients = record_gradients(ours.optimizers, ours.networks, lambda: weights.append(states(ours.networks)))
    torch.manual_seed(11)
    losses = ours.step(0)

    queue = iter(weights)

    def take_our_weights() -> None:
        for network, values in next(queue).items():
            reference.networks[network].load_state_dict(values)

    expected_gradients = record_gradients(reference.optimizers, reference.networks, take_our_weights)
    torch.manual_seed(11)
    expected = {term: loss.detach() for term, loss in reference.step(0).items()}
    return losses, expected, gradients, expected_gradients


@pytest.mark.train
@pytest.mark.parametrize("name", STAGES)
def test_a_steps_losses_are_the_reference_steps(name: str) -> None:
    losses, expected, *_ = both_steps(name, torch.float32)
    assert list(losses) == list(expected)
    for term, loss in expected.items():
        assert relative_difference(losses[term], loss) < TOLERANCE[torch.float32], term


@pytest.mark.train
@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", STAGES)
def test_a_steps_gradients_are_the_reference_steps(name: str) -> None:
    losses, expected, gradients, expected_gradients = both_steps(name, torch.float64)
    for term, loss in expected.items():
        assert loss.dtype == torch.float64
        assert relative_difference(losses[term], loss) < TOLERANCE[torch.float64], term
    assert [update for update, _ in gradients] == [update for update, _ in expected_gradients]
    for (update, ours), (_, plain) in zip(gradients, expected_gradients, strict=True):
        assert ours.keys() == plain.keys()
        for network, gradient in plain.items():
            assert gradient.dtype == torch.float64 and gradient.norm() > 0, f"{update}: {network}"
            assert relative_difference(ours[network], gradient) < TOLERANCE[torch.float64], f"{update}: {network}"


def test_a_stage_without_a_reference_step_is_not_compared() -> None:
    entry = get_stage("edsr")
    (compared, skipped) = cases([entry, replace(entry, reference_step="")])
    assert [mark.name for mark in compared.marks] == []
    assert [mark.name for mark in skipped.marks] == ["skip"]
