"""The one training loop, which every trained method shares.

A method brings a :class:`Stage`: networks, optimisers and what one step does. The loop brings everything else:
schedule, moving averages, checkpoints, history, progress, and the check that training has not collapsed.
"""

from __future__ import annotations

import pickle
import time
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint as recomputed

from benchmarks import parallel
from benchmarks.data.decode import Image
from benchmarks.data.images import DataSpec
from benchmarks.data.sampler import PatchSampler
from benchmarks.device import device
from benchmarks.errors import TrainingCollapsed, UsageError
from benchmarks.files import write_atomically
from benchmarks.health import WINDOW, check_discriminator, check_gradients, check_losses, check_output
from benchmarks.interruption import Interrupted, unhurried, whole
from benchmarks.settings import TrainingSettings

CHECKPOINT_SECONDS = 60.0
HISTORY_POINTS = 200
UNREADABLE = (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError)  # what torch raises at a file that is none of its


@dataclass(frozen=True)
class TrainedStage:
    """A finished stage: its settings (a dataclass) and its weights by network name."""

    settings: Any
    weights: Mapping[str, Mapping[str, Tensor]]
    scale: int


@dataclass
class Context:
    """What a stage gets to start from: data, random state, what it builds on."""

    data: DataSpec
    generator: torch.Generator
    needs: Mapping[str, TrainedStage]

    @property
    def scale(self) -> int:
        """HR pixels per LR pixel."""
        return self.data.card.scale

    def sampler(self, training: TrainingSettings, images: Sequence[Image], paired: Sequence[Image] | None = None) -> PatchSampler:
        """Batches of patches as the schedule asks for, drawn from the stage's random state."""
        return PatchSampler(
            images,
            patch_size=training.patch_size,
            batch_size=training.batch_size,
            generator=self.generator,
            paired=paired,
            share=parallel.own_share(training.batch_size),
            device=device(),
        )


class Stage(ABC):
    """One training stage of a method.

    Attributes:
        networks: everything with weights, by name; all are saved.
        optimizers: by name, each with its base learning rate in ``learning_rates``.
        averaged: networks whose moving average is saved in place of the last weights.
        average_from: steps done before averaging starts.
        discriminators: names of discriminator losses in what ``step`` returns; watched for being stuck.
        guessing: the loss of a discriminator that cannot tell; 0.5 for least squares with targets 1 and 0.
    """

    networks: dict[str, nn.Module]
    optimizers: dict[str, Optimizer]
    learning_rates: dict[str, float]
    averaged: tuple[str, ...]
    average_from: int = 0
    discriminators: tuple[str, ...] = ()
    guessing: float = 0.5

    def __init__(self, training: TrainingSettings) -> None:
        self.training = training

    @abstractmethod
    def step(self, index: int) -> dict[str, Tensor]:
        """Do one optimisation step and return its loss terms, detached scalars."""

    @abstractmethod
    def probe(self) -> tuple[Tensor, Tensor]:
        """The last step's input and what the stage's main network made of it, for the check for constant output."""

    def mixed_precision(self) -> AbstractContextManager[Any]:
        """The context of forward passes: bfloat16 autocast where asked for and in hardware, or nothing."""
        return torch.autocast(device().type, dtype=torch.bfloat16, enabled=effective_precision(self.training) == "bfloat16")

    def adam(self, *networks: str, learning_rate: float) -> Optimizer:
        """Adam over the named networks with the stage's betas; eps 1e-8 as in the paper."""
        parameters = [parameter for name in networks for parameter in self.networks[name].parameters()]
        return torch.optim.Adam(parameters, learning_rate, (self.training.beta1, self.training.beta2), eps=1e-8, fused=True)


def effective_precision(training: TrainingSettings) -> str:
    """What forward passes compute in: bfloat16 only where the device has it, for elsewhere it is slower than float32."""
    if device().type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return "bfloat16" if training.precision == "bfloat16" and has_bfloat16 else "float32"


def make_stage(
    cls: Callable[[Any, Context], Stage], settings: Any, data: DataSpec, needs: Mapping[str, TrainedStage], seed: int
) -> tuple[Stage, torch.Generator]:
    """A stage with fresh networks, and the random state its samplers draw from; both follow from the seed."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    return cls(settings, Context(data, generator, needs)), generator


def descend(optimizer: Optimizer, loss: Tensor) -> None:
    """One optimiser step down the gradient of ``loss``."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """The sum of weighted loss terms."""
    return torch.stack(list(terms.values())).sum()


def detached(terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Loss terms for the record, cut from their graphs."""
    return {name: term.detach() for name, term in terms.items()}


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Gradients pass through the network, and its own weights get none."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


@dataclass
class Progress:
    """What the loop itself must remember to go on to the bit."""

    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    pending: list[dict[str, float]] = field(default_factory=list)
    recent: dict[str, list[float]] = field(default_factory=dict)
    gradients: dict[str, list[float]] = field(default_factory=dict)


def train(
    stage: Stage,
    generator: torch.Generator,
    checkpoint: Path,
    report: Callable[[int, dict[str, float]], None] = lambda step, losses: None,
) -> tuple[dict[str, dict[str, Tensor]], list[dict[str, float]], float]:
    """Train a stage to its end, from its checkpoint where there is one.

    Args:
        stage: networks on the CPU, freshly initialised.
        generator: the random state that the stage's samplers draw from.
        checkpoint: written every minute, and when a signal stops the training; resuming from it gives the same bits as never
            stopping. Once a training has come to nothing it is not written any more.
        report: called after every step with the step's number and losses.

    Returns:
        Weights by network (moving averages where the stage asks for them), the history of losses (at most some
        200 points, each the mean since the last), and the seconds spent, resumed parts included.

    Raises:
        TrainingCollapsed: the training has come to nothing (``benchmarks.health``).
        Interrupted: a signal asked to stop.
    """
    settings = stage.training
    averages = made_ready(stage)
    state = _restore(stage, averages, generator, checkpoint)
    started, saved = time.monotonic() - state.seconds, time.monotonic()
    try:
        while state.step < settings.steps:
            with whole():
                losses = advance(stage, averages, state)
                state.seconds = time.monotonic() - started
                report(state.step, losses)
            if time.monotonic() - saved > CHECKPOINT_SECONDS and state.step < settings.steps:
                _save(stage, averages, generator, state, checkpoint)
                saved = time.monotonic()
    except Interrupted:
        with unhurried():
            _save(stage, averages, generator, state, checkpoint)
        raise
    except TrainingCollapsed as error:
        error.history = state.history
        raise
    weights = {name: _tensors(averages.get(name, network)) for name, network in stage.networks.items()}
    return weights, state.history, state.seconds


def advance(stage: Stage, averages: Mapping[str, AveragedModel], state: Progress) -> dict[str, float]:
    """One step, with all that the loop does about it. Returns its losses."""
    settings = stage.training
    decay = 0.5 ** (state.step // settings.halve_every)
    for name, optimizer in stage.optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = stage.learning_rates[name] * decay
    losses = parallel.mean_values(stage.step(state.step))
    for name, average in averages.items() if state.step >= stage.average_from else ():
        average.update_parameters(stage.networks[name])
    state.step += 1
    check_losses(state.step, losses)
    check_gradients(state.step, stage.networks, state.gradients)
    window = min(WINDOW, max(20, settings.steps // 3))
    for name in (name for name in stage.discriminators if name in losses):
        check_discriminator(state.step, name, losses[name], stage.guessing, window, state.recent.setdefault(name, []))
    state.pending.append(losses)
    if state.step % max(1, settings.steps // HISTORY_POINTS) == 0 or state.step == settings.steps:
        state.history.append({"step": state.step, **_mean(state.pending)})
        state.pending.clear()
        check_output(state.step, *map(parallel.joined, stage.probe()))
        parallel.check_equal(stage.networks)
    return losses


def made_ready(stage: Stage) -> dict[str, AveragedModel]:
    """Put a fresh stage's networks where they are trained, and return the moving averages it asks for, by network."""
    for network in stage.networks.values():
        network.to(device()).to(memory_format=torch.channels_last).train()
        for block in residual_blocks(network) if stage.training.recompute else ():
            block.forward = partial(recomputed, block.forward, use_reentrant=False, preserve_rng_state=False)
    parallel.prepare(stage.networks, stage.optimizers)
    decay = stage.training.ema_decay
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return {name: AveragedModel(stage.networks[name], multi_avg_fn=average) for name in stage.averaged if decay}


def residual_blocks(network: nn.Module) -> list[nn.Module]:
    """What stands in a row and is made of layers itself; without BatchNorm, which a second pass would show the batch twice."""
    rows = (row for row in network.modules() if isinstance(row, nn.Sequential))
    blocks = (block for row in rows for block in row if not isinstance(block, nn.Sequential) and list(block.children()))
    return [block for block in blocks if not any(isinstance(layer, nn.BatchNorm2d) for layer in block.modules())]


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    inner = network.module if isinstance(network, AveragedModel) else network
    return {key: tensor.cpu().contiguous() for key, tensor in inner.state_dict().items()}


def _mean(records: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each loss over the steps that report it; a warm-up step may lack some."""
    columns: dict[str, list[float]] = {}
    for record in records:
        for name, value in record.items():
            columns.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in columns.items()}


def _save(
    stage: Stage, averages: Mapping[str, AveragedModel], generator: torch.Generator, state: Progress, checkpoint: Path
) -> None:
    """Everything that decides how training goes on: weights, optimisers, averages, random states, position."""
    if parallel.rank():  # the others are in the same state
        return
    content = {
        "networks": {name: network.state_dict() for name, network in stage.networks.items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in stage.optimizers.items()},
        "averages": {name: average.state_dict() for name, average in averages.items()},
        "generator": generator.get_state(),
        "torch": torch.get_rng_state(),
        "progress": asdict(state),
    }
    write_atomically(checkpoint, lambda file: torch.save(content, file))


def _restore(stage: Stage, averages: Mapping[str, AveragedModel], generator: torch.Generator, checkpoint: Path) -> Progress:
    if not checkpoint.is_file():
        return Progress()
    try:
        with zipfile.ZipFile(checkpoint) as records:  # whose check sums torch writes, but does not look at
            if damaged := records.testzip():
                raise ValueError(f"{damaged} has changed")
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        for name, network in stage.networks.items():
            network.load_state_dict(content["networks"][name])
        for name, optimizer in stage.optimizers.items():
            optimizer.load_state_dict(content["optimizers"][name])
        for name, average in averages.items():
            average.load_state_dict(content["averages"][name])
        generator.set_state(content["generator"])
        torch.set_rng_state(content["torch"])
        return Progress(**content["progress"])
    except (*UNREADABLE, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise UsageError(f"{checkpoint}: corrupt checkpoint ({error}): delete it to train this cell from the start") from error
