"""Checks that stop a collapsed training within a stated number of steps.

| sign | noticed after |
|---|---|
| a loss that is NaN or infinite | the step that has it |
| a gradient that is NaN or infinite | the step that has it |
| a gradient ``EXPLOSION`` times the largest of a network's first ``SETTLED`` steps | ``IN_A_ROW`` such steps in a row |
| a discriminator that has won, or only guesses | ``WINDOW`` steps in a row, a third of a short training |
| an output that is constant where the input is not | the next point of the history, at most a 200th of the training |

On a GPU up to ``watch.GPU_INTERVAL`` steps are checked together; a message names the very step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchmarks.core.errors import TrainingCollapsed

if TYPE_CHECKING:
    from torch import Tensor, nn

WINDOW = 200  # steps in a row for which a discriminator must be stuck
STUCK = 0.005  # a discriminator with a loss this close to 0 has won; this close to ``guessing_loss`` it only guesses
FLAT = 1e-3  # standard deviation, in [0, 1], under which an image counts as constant
SETTLED, EXPLOSION, IN_A_ROW = 100, 1e3, 10

SLOWER = "lower the learning rate or use precision float32"


def check_losses(step: int, losses: Mapping[str, float]) -> None:
    """Raise TrainingCollapsed if a loss of a step is NaN or infinite."""
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise TrainingCollapsed(f"step {step}: loss '{name}' is {loss}: {SLOWER}")


def check_gradients(step: int, norms: Mapping[str, float], records: dict[str, list[float]]) -> None:
    """Raise TrainingCollapsed if a network's gradient is NaN or infinite, or has exploded.

    Args:
        step: number of steps done.
        norms: gradient norms of the step, by network.
        records: by network three numbers: steps with a gradient, largest norm of the first ``SETTLED`` steps, and exploded steps
            in a row. Updated in place; part of the checkpoint.
    """
    for name, norm in norms.items():
        if not math.isfinite(norm):
            raise TrainingCollapsed(f"step {step}: the gradient of '{name}' is {norm}: {SLOWER}")
        steps, largest, exploded = records.get(name, [0, 0.0, 0])
        if steps < SETTLED:
            largest = max(largest, norm)
        exploded = exploded + 1 if norm > EXPLOSION * largest else 0
        records[name] = [steps + 1, largest, exploded]
        if exploded >= IN_A_ROW:
            raise TrainingCollapsed(
                f"step {step}: the gradient of '{name}' has exploded (norm {norm:.3g}, {largest:.3g} at most in its first "
                f"{SETTLED} steps): {SLOWER}"
            )


def gradient_norms(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Norm of all gradients of each network that has any, by network; scalars on the device."""
    import torch

    gradients = {name: [p.grad for p in network.parameters() if p.grad is not None] for name, network in networks.items()}
    return {name: torch.stack(torch._foreach_norm(tensors)).norm() for name, tensors in gradients.items() if tensors}


def check_discriminator(step: int, name: str, loss: float, guessing_loss: float, window: int, recent: list[float]) -> None:
    """Raise TrainingCollapsed if a discriminator saturates or only guesses for a whole window of steps.

    Args:
        step: number of steps done.
        name: name of the discriminator's loss.
        loss: its value in the last step.
        guessing_loss: loss of a discriminator that cannot tell real from fake.
        window: number of steps in a row.
        recent: losses of earlier steps, at most a window. Updated in place; part of the checkpoint.
    """
    recent.append(loss)
    del recent[:-window]
    if len(recent) < window:
        return
    if max(recent) < STUCK:
        raise TrainingCollapsed(f"step {step}: {name} has won {window} steps in a row: lower its learning rate")
    if max(abs(value - guessing_loss) for value in recent) < STUCK:
        raise TrainingCollapsed(f"step {step}: {name} has only guessed for {window} steps: raise its learning rate")


def check_output(step: int, inputs: Tensor, outputs: Tensor) -> None:
    """Raise TrainingCollapsed if output images are constant although the input images are not.

    Args:
        step: number of steps done.
        inputs: ``(N, 3, h, w)`` in [0, 1].
        outputs: ``(N, 3, H, W)`` in [0, 1].
    """
    before, after = (images.detach().float().std(dim=(2, 3)).mean().item() for images in (inputs, outputs))
    if not math.isfinite(after):
        raise TrainingCollapsed(f"step {step}: the output is not finite: {SLOWER}")
    if after < FLAT < before:
        raise TrainingCollapsed(
            f"step {step}: the output is constant (standard deviation {after:.1e}): "
            "lower the learning rate or the weights of the adversarial and TV losses"
        )
