"""The watch over a training: losses and gradient norms stay on the device until several steps of them are checked together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.api import contract
from benchmarks.core.device import device
from benchmarks.core.errors import TrainingCollapsed
from benchmarks.training import distributed
from benchmarks.training.checkpoints import Progress
from benchmarks.training.health import (
    WINDOW,
    check_discriminator,
    check_gradients,
    check_losses,
    check_output,
    gradient_norms,
)
from benchmarks.training.stage import Stage

GPU_INTERVAL = 10  # steps between two checks on a GPU, which would stand still for each; on a CPU every step is checked
HISTORY_POINTS = 200


class _Kept(NamedTuple):
    """Numbers of a step: names of losses, names of networks, and their losses and gradient norms, in this order."""

    step: int
    losses: tuple[str, ...]
    networks: tuple[str, ...]
    values: Tensor


class Watch:
    """Checks and records the steps of a training.

    Attributes:
        progress: state of the training, which gets the history and the records of the checks.
        latest: losses of the latest checked step, by name.
    """

    def __init__(self, stage: Stage, progress: Progress) -> None:
        self.progress, self.latest = progress, dict[str, float]()
        self._stage, self._kept = stage, list[_Kept]()
        self._interval = GPU_INTERVAL if device().type == "cuda" else 1

    def step_done(self, losses: Mapping[str, Tensor]) -> None:
        """Count a step and keep its losses and gradient norms; check the kept steps when they are due.

        Args:
            losses: detached scalars by name.

        Raises:
            TrainingCollapsed: as ``check``.
        """
        self.progress.step += 1
        norms = gradient_norms(self._stage.networks)
        values = [*(distributed.mean_values([*losses.values()]) if losses else ()), *(norm.float() for norm in norms.values())]
        stacked = torch.stack(values) if values else torch.empty(0, device=device())
        self._kept.append(_Kept(self.progress.step, tuple(losses), tuple(norms), stacked))
        if len(self._kept) >= self._interval or self._is_point(self.progress.step):
            self.check()

    def check(self) -> None:
        """Check and record all kept steps in their order; a single transfer from the device.

        Raises:
            TrainingCollapsed: a check of ``benchmarks.training.health`` has failed; has the history so far.
        """
        kept, self._kept = self._kept, []
        try:
            numbers = iter(torch.cat([step.values for step in kept]).tolist() if kept else ())
            for step in kept:
                losses = {name: next(numbers) for name in step.losses}
                self._check_step(step.step, losses, {name: next(numbers) for name in step.networks})
            if self._is_point(self.progress.step):
                self._add_point()
        except TrainingCollapsed as error:
            error.history = self.progress.history
            raise

    def _check_step(self, step: int, losses: dict[str, float], norms: Mapping[str, float]) -> None:
        check_losses(step, losses)
        check_gradients(step, norms, self.progress.gradients)
        window = min(WINDOW, max(20, self._stage.training.steps // 3))
        for name in (name for name in self._stage.discriminators if name in losses):
            recent = self.progress.recent.setdefault(name, [])
            check_discriminator(step, name, losses[name], self._stage.guessing_loss, window, recent)
        self.progress.pending.append(losses)
        self.latest = losses

    def _is_point(self, step: int) -> bool:
        steps = self._stage.training.steps
        return step % max(1, steps // HISTORY_POINTS) == 0 or step == steps

    def _add_point(self) -> None:
        """Add a point to the history, unless it is there, and check the output of its step."""
        step = self.progress.step
        if not self.progress.pending:
            return
        self.progress.history.append({"step": step, **_mean(self.progress.pending)})
        self.progress.pending.clear()
        probe = self._stage.probe()
        contract.check_probe(probe)
        check_output(step, *map(distributed.joined, probe))
        distributed.check_equal(self._stage.networks)


def _mean(records: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each loss over the steps that have it; steps of a warm-up lack some losses."""
    columns: dict[str, list[float]] = {}
    for record in records:
        for name, value in record.items():
            columns.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in columns.items()}
