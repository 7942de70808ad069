"""Training that has come to nothing, noticed within a stated number of steps.

| what | noticed after |
|---|---|
| a loss that is NaN or infinite | the step that has it |
| a gradient that is NaN or infinite | the step that has it |
| a gradient ``EXPLOSION`` times the largest of a network's first ``SETTLED`` steps | ``IN_A_ROW`` such steps in a row |
| a discriminator that has won, or only guesses | ``WINDOW`` steps in a row, a third of a short training |
| an output that is constant where the input is not | the next point of the history, at most a 200th of the training |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmarks.core.errors import TrainingCollapsed

if TYPE_CHECKING:
    from torch import Tensor, nn

WINDOW = 200  # steps in a row for which a discriminator must be stuck
STUCK = 0.005  # a discriminator loss this close to 0 is won, this close to the stage's ``guessing`` is blind
FLAT = 1e-3  # standard deviation, in [0, 1], under which an image counts as constant
SETTLED, EXPLOSION, IN_A_ROW = 100, 1e3, 10

SLOWER = "lower the learning rate or use precision float32"


def check_losses(step: int, losses: Mapping[str, float]) -> None:
    """Raise TrainingCollapsed where a loss of a step is no number."""
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise TrainingCollapsed(f"step {step}: loss '{name}' is {loss}: {SLOWER}")


def check_gradients(step: int, networks: Mapping[str, nn.Module], seen: dict[str, list[float]]) -> None:
    """Raise TrainingCollapsed where a network's gradient is no number, or has exploded.

    Args:
        step: number of steps done.
        networks: by name, with the gradients of the last update.
        seen: by network the steps with a gradient, its largest norm while it settled, and how many steps in a row have
            exploded; changed here, and part of the checkpoint.
    """
    for name, norm in _norms(networks).items():
        if not math.isfinite(norm):
            raise TrainingCollapsed(f"step {step}: the gradient of '{name}' is {norm}: {SLOWER}")
        steps, largest, exploded = seen.get(name, [0, 0.0, 0])
        if steps < SETTLED:
            largest = max(largest, norm)
        exploded = exploded + 1 if norm > EXPLOSION * largest else 0
        seen[name] = [steps + 1, largest, exploded]
        if exploded >= IN_A_ROW:
            raise TrainingCollapsed(
                f"step {step}: the gradient of '{name}' has exploded (norm {norm:.3g}, {largest:.3g} at most in its first "
                f"{SETTLED} steps): {SLOWER}"
            )


def _norms(networks: Mapping[str, nn.Module]) -> dict[str, float]:
    """Of each network that has gradients, their norm; one transfer from the device for all."""
    import torch

    gradients = {name: [p.grad for p in network.parameters() if p.grad is not None] for name, network in networks.items()}
    names = [name for name, found in gradients.items() if found]
    if not names:
        return {}
    norms = [torch.stack(torch._foreach_norm(gradients[name])).norm() for name in names]
    return dict(zip(names, torch.stack(norms).tolist(), strict=True))


def check_discriminator(step: int, name: str, loss: float, guessing: float, window: int, recent: list[float]) -> None:
    """Raise TrainingCollapsed where a discriminator saturates or guesses for a whole window.

    Args:
        step: number of steps done.
        name: of the discriminator's loss.
        loss: of the last step.
        guessing: the loss of a discriminator that cannot tell.
        window: steps in a row that count.
        recent: the losses before, at most a window; changed here, and part of the checkpoint.
    """
    recent.append(loss)
    del recent[:-window]
    if len(recent) < window:
        return
    if max(recent) < STUCK:
        raise TrainingCollapsed(f"step {step}: {name} has won {window} steps in a row: lower its learning rate")
    if max(abs(each - guessing) for each in recent) < STUCK:
        raise TrainingCollapsed(f"step {step}: {name} has only guessed for {window} steps: raise its learning rate")


def check_output(step: int, given: Tensor, made: Tensor) -> None:
    """Raise TrainingCollapsed where images ``(N, 3, h, w)`` that differ were all answered by constant ones ``(N, 3, H, W)``."""
    before, after = (images.detach().float().std(dim=(2, 3)).mean().item() for images in (given, made))
    if after < FLAT < before:
        raise TrainingCollapsed(
            f"step {step}: the output is constant (standard deviation {after:.1e}): "
            "lower the learning rate or the weights of the adversarial and TV losses"
        )
