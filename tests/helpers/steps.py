"""Parts of optimisation steps written by hand, and comparisons of steps by their weights and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Optimizer

from benchmarks.training.stage import Stage

Gradients = list[tuple[str, dict[str, Tensor]]]  # by update, in order: the optimiser's name, and gradients by network


def adam(rate: float, *networks: nn.Module) -> torch.optim.Adam:
    """Adam over several networks with the betas of the GANs."""
    return torch.optim.Adam([p for network in networks for p in network.parameters()], rate, (0.5, 0.999), eps=1e-8)


def update(optimizer: torch.optim.Adam, loss: Tensor, *others: torch.optim.Adam) -> None:
    """Step all optimisers down the gradient of a loss."""
    optimizers = (optimizer, *others)
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    for optimizer in optimizers:
        optimizer.step()


def discriminator_step(d: nn.Module, optimizer: torch.optim.Adam, real: Tensor, fake: Tensor) -> None:
    """Least-squares step of a discriminator that sees real and fake images in a single pass."""
    real_score, fake_score = d(torch.cat([real, fake.detach()])).chunk(2)
    update(optimizer, mse_loss(real_score, torch.ones_like(real_score)) + mse_loss(fake_score, torch.zeros_like(fake_score)))


def generator_loss(d: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Least-squares loss of a generator, under a discriminator that sees real and fake images in a single pass."""
    score = d(torch.cat([real, fake])).chunk(2)[1]
    return mse_loss(score, torch.ones_like(score))


def weights(networks: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Convolution kernels by network, flat. Biases are left out: before BatchNorm their gradients are rounding errors only."""
    return {
        name: torch.cat([p.detach().flatten() for p in network.parameters() if p.ndim == 4]) for name, network in networks.items()
    }


def assert_same_steps(before: dict[str, Tensor], ours: Stage, by_hand: dict[str, nn.Module]) -> None:
    """Weights differ by less than a tenth of their change. Adam makes whole steps of the rounding of vanishing gradients."""
    for name, expected in weights(by_hand).items():
        change = (expected - before[name]).norm()
        assert change > 0, name
        assert (weights(ours.networks)[name] - expected).norm() < 0.1 * change, name


def record_gradients(optimizers: dict[str, Optimizer], networks: dict[str, nn.Module], after: Callable[[], None]) -> Gradients:
    """List of gradients that grows with every update from here on, at its start; ``after`` is called at its end."""
    gradients: Gradients = []

    def recorder(name: str) -> Callable[..., None]:
        def record(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            own = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
            by_network = {
                network: torch.cat([p.grad.flatten() for p in module.parameters() if id(p) in own and p.grad is not None])
                for network, module in networks.items()
                if any(id(p) in own for p in module.parameters())
            }
            gradients.append((name, {network: gradient.clone() for network, gradient in by_network.items()}))

        return record

    for name, optimizer in optimizers.items():
        optimizer.register_step_pre_hook(recorder(name))
        optimizer.register_step_post_hook(lambda optimizer, args, kwargs: after())
    return gradients
