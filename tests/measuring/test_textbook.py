"""One step of every stage against the textbook's: each loss, and each gradient of each update.

Gradients are compared in float64. In float32 they are not continuous in the rounding of the forward pass: an input of a LeakyReLU
that rounding moves across 0 changes the slope behind it. On a processor with AVX2 alone two of 204,800 inputs (of at most 1.5e-6)
did so in a step of pseudo-supervision, and the gradients of one network differed by 1e-3; in float64 they agree to 3e-15.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from benchmarks.catalog.registry import STAGES
from torch import Tensor, nn
from torch.optim import Optimizer

from benchmarks.catalog.methods import get_stage
from benchmarks.core.lazy import resolve
from benchmarks.data.pixels.sampler import PatchSampler
from benchmarks.measuring.reference_step import ReferenceStep
from benchmarks.training.loop import prepare
from benchmarks.training.stage import Stage, make_stage
from tests.training.test_training import DATA, PROFILE, trained

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}  # of a loss, and in float64 of a gradient, relative to its norm
Gradients = list[tuple[str, dict[str, Tensor]]]  # by update, in order: its optimiser, and gradients by network


def twin(name: str) -> Stage:
    settings = PROFILE.stages[name]
    settings = replace(settings, training=replace(settings.training, precision="float32"))
    for phase in ("warmup_steps", "pixel_steps"):  # the step that has all terms
        if hasattr(settings, phase):
            settings = replace(settings, **{phase: 0})
    needs = {needed: trained(needed) for needed in get_stage(name).needs}
    if "srgan" in needs:
        needs["srgan"] = replace(needs["srgan"], settings=replace(needs["srgan"].settings, pixel_steps=0))
    stage: Stage = make_stage(resolve(get_stage(name).target), settings, DATA, needs, seed=3)[0]
    for network in (network for key, network in stage.networks.items() if key[0] != "d"):
        _wake(network)
    return stage


def _wake(network: nn.Module) -> None:
    """A generator that changes much: one that starts at zero lets no gradient through, and a discriminator's gradients of
    reals and of fakes that are nearly the same cancel but for their rounding."""
    last = [parameter for parameter in network.parameters() if parameter.ndim == 4][-1]
    nn.init.normal_(last, std=0.05, generator=torch.Generator().manual_seed(1))


def watched(optimizers: dict[str, Optimizer], networks: dict[str, nn.Module], after: Callable[[], None]) -> Gradients:
    """The gradients of every update from here on, as it begins; ``after`` is called as it ends."""
    seen: Gradients = []

    def begins(name: str) -> Callable[..., None]:
        def look(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            own = {id(each) for group in optimizer.param_groups for each in group["params"]}
            found = {
                network: torch.cat([p.grad.flatten() for p in module.parameters() if id(p) in own and p.grad is not None])
                for network, module in networks.items()
                if any(id(p) in own for p in module.parameters())
            }
            seen.append((name, {network: gradient.clone() for network, gradient in found.items()}))

        return look

    for name, optimizer in optimizers.items():
        optimizer.register_step_pre_hook(begins(name))
        optimizer.register_step_post_hook(lambda optimizer, args, kwargs: after())
    return seen


def state(networks: dict[str, nn.Module]) -> dict[str, dict[str, Tensor]]:
    return {name: {key: value.clone() for key, value in net.state_dict().items()} for name, net in networks.items()}


def off(ours: Tensor, theirs: Tensor) -> float:
    """The difference beside what there is of it."""
    return float((ours - theirs).norm() / theirs.norm())


@pytest.fixture
def double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images, noise and whatever a step casts to float32 are float64."""
    cut = PatchSampler._cut
    monkeypatch.setattr(PatchSampler, "_cut", lambda *args: cut(*args).double())
    monkeypatch.setattr(Tensor, "float", Tensor.double)


def step_beside_textbook(name: str, dtype: torch.dtype) -> tuple[dict[str, Tensor], dict[str, Tensor], Gradients, Gradients]:
    """Losses and gradients of our step and of the textbook's, from the same weights and random numbers.

    The textbook goes on from our weights after each update: Adam makes whole steps of the rounding of vanishing gradients.
    """
    ours, plain = twin(name), twin(name)
    prepare(ours)
    textbook: ReferenceStep = resolve(get_stage(name).textbook)(plain)
    modules = [*ours.networks.values(), *textbook.networks.values()]
    modules += [stage.features for stage in (ours, plain) if hasattr(stage, "features")]
    for module in modules:
        module.to(dtype)
    weights: list[dict[str, dict[str, Tensor]]] = []
    gradients = watched(ours.optimizers, ours.networks, lambda: weights.append(state(ours.networks)))
    torch.manual_seed(11)
    losses = ours.step(0)

    queue = iter(weights)

    def go_on() -> None:
        for network, values in next(queue).items():
            textbook.networks[network].load_state_dict(values)

    expected_gradients = watched(textbook.optimizers, textbook.networks, go_on)
    torch.manual_seed(11)
    expected = {term: loss.detach() for term, loss in textbook.step(0).items()}
    return losses, expected, gradients, expected_gradients


STAGE_NAMES = [pytest.param(name, marks=[pytest.mark.network] * bool(entry.weights_of)) for name, entry in STAGES.items()]


@pytest.mark.train
@pytest.mark.parametrize("name", STAGE_NAMES)
def test_a_steps_losses_are_the_textbooks(name: str) -> None:
    losses, expected, *_ = step_beside_textbook(name, torch.float32)
    assert list(losses) == list(expected)
    for term, loss in expected.items():
        assert off(losses[term], loss) < TOLERANCE[torch.float32], term


@pytest.mark.train
@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", STAGE_NAMES)
def test_a_steps_gradients_are_the_textbooks(name: str) -> None:
    losses, expected, gradients, expected_gradients = step_beside_textbook(name, torch.float64)
    for term, loss in expected.items():
        assert loss.dtype == torch.float64
        assert off(losses[term], loss) < TOLERANCE[torch.float64], term
    assert [update for update, _ in gradients] == [update for update, _ in expected_gradients]
    for (update, ours), (_, plain) in zip(gradients, expected_gradients, strict=True):
        assert ours.keys() == plain.keys()
        for network, gradient in plain.items():
            assert gradient.dtype == torch.float64 and gradient.norm() > 0, f"{update}: {network}"
            assert off(ours[network], gradient) < TOLERANCE[torch.float64], f"{update}: {network}"
