"""One step of every stage against the textbook's, in float32: each loss, and each gradient of each update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from benchmarks.registry import STAGES, get_stage, resolve
from benchmarks.textbook import Textbook
from benchmarks.training import Stage, made_ready, make_stage
from tests.test_training import DATA, PROFILE, trained

TOLERANCE = 1e-5
# A discriminator with ten BatchNorms over the few pixels of a small batch: 1e-7 more in its input moves its gradient by 1e-4.
ILL_CONDITIONED = {"srgan": 1e-2, "srgan-paired": 1e-2}  # of gradients
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


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.network] * bool(each.weights_of)) for name, each in STAGES.items()]
)
def test_a_step_is_the_textbooks(name: str) -> None:
    """The textbook goes on from our weights after each update: Adam makes whole steps of the rounding of vanishing gradients."""
    ours, plain = twin(name), twin(name)
    made_ready(ours)
    textbook: Textbook = resolve(get_stage(name).textbook)(plain)
    weights: list[dict[str, dict[str, Tensor]]] = []
    gradients = watched(ours.optimizers, ours.networks, lambda: weights.append(state(ours.networks)))
    torch.manual_seed(11)
    losses = ours.step(0)

    queue = iter(weights)

    def go_on() -> None:
        for network, values in next(queue).items():
            textbook.networks[network].load_state_dict(values)

    expected = watched(textbook.optimizers, textbook.networks, go_on)
    torch.manual_seed(11)
    expected_losses = textbook.step(0)

    assert list(losses) == list(expected_losses)
    for term, loss in expected_losses.items():
        assert off(losses[term], loss.detach()) < TOLERANCE, term
    assert [update for update, _ in gradients] == [update for update, _ in expected]
    tolerance = ILL_CONDITIONED.get(name, TOLERANCE)
    for (update, found), (_, right) in zip(gradients, expected, strict=True):
        assert found.keys() == right.keys()
        for network, gradient in right.items():
            assert gradient.norm() > 0, f"{update}: {network}"
            assert off(found[network], gradient) < tolerance, f"{update}: {network}"
