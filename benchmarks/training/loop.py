"""Training loop of all methods.

A method brings a ``training.stage.Stage``: networks, optimisers and a step. The loop brings the rest: schedule, moving averages,
checkpoints, history, progress, and checks for collapse.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint as recomputed

from benchmarks.api import contract
from benchmarks.core.device import device
from benchmarks.core.interruption import Interrupted, unhurried, whole
from benchmarks.training import distributed
from benchmarks.training.checkpoints import restore, save
from benchmarks.training.stage import Stage
from benchmarks.training.watch import Watch

CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class Training:
    """A finished training.

    Attributes:
        weights: tensors on the CPU, by network and parameter; moving averages for the networks in ``Stage.averaged``.
        history: steps with mean losses since the point before; about 200 points.
        seconds: time spent, parts before an interruption included.
    """

    weights: dict[str, dict[str, Tensor]]
    history: list[dict[str, float]]
    seconds: float


def train(
    stage: Stage,
    generator: torch.Generator,
    checkpoint: Path,
    report: Callable[[int, dict[str, float]], None] = lambda step, losses: None,
) -> Training:
    """Train a stage to its end, from its checkpoint where there is one.

    Args:
        stage: networks on the CPU, freshly initialised.
        generator: random state of the stage's samplers.
        checkpoint: file that is written every minute, and when a signal stops the training. A resumed training gives the same
            bits as an uninterrupted one. After a collapse the file is not written any more.
        report: called after every step with its number and the latest checked losses.

    Raises:
        TrainingCollapsed: a check of ``benchmarks.training.health`` has failed.
        BenchmarkError: the stage breaks the contract of ``benchmarks.api.contract``.
        Interrupted: a signal asked to stop.
    """
    settings = stage.training
    contract.check_stage(stage)
    averages = prepare(stage)
    progress = restore(checkpoint, stage, averages, generator)
    watch = Watch(stage, progress)
    started, saved = time.monotonic() - progress.seconds, time.monotonic()
    try:
        while progress.step < settings.steps:
            with whole():
                advance(stage, averages, watch)
                progress.seconds = time.monotonic() - started
                report(progress.step, watch.latest)
            if time.monotonic() - saved > CHECKPOINT_SECONDS and progress.step < settings.steps:
                watch.check()
                save(checkpoint, stage, averages, generator, progress)
                saved = time.monotonic()
    except Interrupted:
        with unhurried():
            watch.check()
            save(checkpoint, stage, averages, generator, progress)
        raise
    weights = {name: _tensors(averages.get(name, network)) for name, network in stage.networks.items()}
    return Training(weights, progress.history, progress.seconds)


def prepare(stage: Stage) -> dict[str, AveragedModel]:
    """Put a fresh stage's networks on the device in training mode. Returns moving averages of ``Stage.averaged``, by network."""
    for network in stage.networks.values():
        network.to(device()).to(memory_format=torch.channels_last).train()
        for block in residual_blocks(network) if stage.training.recompute else ():
            block.forward = partial(recomputed, block.forward, use_reentrant=False, preserve_rng_state=False)
    distributed.prepare(stage.networks, stage.optimizers)
    decay = stage.training.ema_decay
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return {name: AveragedModel(stage.networks[name], multi_avg_fn=average) for name in stage.averaged if decay}


def advance(stage: Stage, averages: Mapping[str, AveragedModel], watch: Watch) -> None:
    """Do a step with its learning rates, moving averages, checks and history."""
    step = watch.progress.step
    decay = 0.5 ** (step // stage.training.halve_every)
    for name, optimizer in stage.optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = stage.learning_rates[name] * decay
    losses = stage.step(step)
    contract.check_losses(losses)
    for name, average in averages.items() if step >= stage.average_from else ():
        average.update_parameters(stage.networks[name])
    watch.step_done(losses)


def residual_blocks(network: nn.Module) -> list[nn.Module]:
    """Children of ``nn.Sequential`` that have layers of their own.

    Blocks with BatchNorm are left out: recomputing them would update the running statistics twice.
    """
    sequences = (module for module in network.modules() if isinstance(module, nn.Sequential))
    blocks = (
        child for sequence in sequences for child in sequence if not isinstance(child, nn.Sequential) and list(child.children())
    )
    return [block for block in blocks if not any(isinstance(layer, nn.BatchNorm2d) for layer in block.modules())]


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    inner = network.module if isinstance(network, AveragedModel) else network
    return {key: tensor.cpu().contiguous() for key, tensor in inner.state_dict().items()}
