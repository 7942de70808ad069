"""Training steps: ours beside the reference step's, the arithmetic they need, and what the machine can do at most."""

from __future__ import annotations

import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.catalog.methods import get_stage
from benchmarks.catalog.profiles import Profile, load_profile
from benchmarks.core.lazy import resolve
from benchmarks.planning.step_times import StepFigure

if TYPE_CHECKING:
    from torch import nn

    from benchmarks.api.method import TrainedStage
    from benchmarks.measuring.reference_step import ReferenceStep
    from benchmarks.training.stage import Stage

DATASET = "demo-photos"  # what is on the patches does not change how long a step takes
DOMINANT = 3  # convolutions that the ceiling is measured on


def measure_training(profile: Profile, stage: str, precision: str, repeat: int) -> StepFigure:
    """Measure a stage's step in a process of its own, whose peak of memory is then the step's.

    Args:
        profile: sizes of networks and batches.
        stage: of the registry; one with phases is measured in its last.
        precision: of our forward passes; the reference step's are float32.
        repeat: alternate measurements of both ways, of which each one's best counts; 0 for arithmetic and memory only.

    Returns:
        The figure; without seconds where published weights that a loss needs cannot be had.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measure, profile.name, profile.changes, stage, precision, repeat).result()


def _measure(profile_name: str, changes: Sequence[str], name: str, precision: str, repeat: int) -> StepFigure:
    import torch

    from benchmarks.core.errors import WeightsMissing
    from benchmarks.training.stage import effective_precision

    profile = load_profile(profile_name, changes)
    threads = min(profile.threads, os.cpu_count() or 1)
    torch.set_num_threads(threads)
    training = replace(profile.stages[name].training, precision=precision)
    figure = StepFigure(
        name, profile.name, effective_precision(training), training.batch_size, training.patch_size, _device(), threads
    )
    try:
        ours = _OurLoop(_fresh(profile, name, precision))
    except WeightsMissing as error:
        return replace(figure, missing=str(error))
    convolutions: Counter[Convolution] = Counter()
    with _noted(ours, convolutions):
        flop = _counted(ours.advance)
    ours.advance()
    megabytes = _peak_megabytes()
    if not repeat:
        return replace(figure, flop=flop, megabytes=megabytes)
    ceiling = _ceiling(convolutions)
    if not (target := get_stage(name).reference_step):
        seconds = min(_seconds(ours.advance) for _ in range(repeat))
        return replace(figure, seconds=seconds, flop=flop, ceiling=ceiling, megabytes=megabytes)
    reference: ReferenceStep = resolve(target)(_fresh(profile, name, "float32"))
    reference_flop = _counted(lambda: reference.advance(ours.index))
    times = [(_seconds(ours.advance), _seconds(lambda: reference.advance(ours.index))) for _ in range(repeat)]
    seconds, reference_seconds = (min(column) for column in zip(*times, strict=True))
    return replace(
        figure,
        seconds=seconds,
        reference_seconds=reference_seconds,
        flop=flop,
        reference_flop=reference_flop,
        ceiling=ceiling,
        megabytes=megabytes,
    )


def _fresh(profile: Profile, name: str, precision: str) -> Stage:
    """The stage with fresh weights, and so what it needs."""
    from benchmarks.api.method import TrainedStage
    from benchmarks.data.cards import load_dataset_card
    from benchmarks.data.dataset import Dataset
    from benchmarks.training.stage import make_stage

    def needed(stage: str) -> TrainedStage:
        made = fresh(stage)
        return TrainedStage(profile.stages[stage], {key: net.state_dict() for key, net in made.networks.items()}, data.card.scale)

    def fresh(stage: str) -> Stage:
        settings = profile.stages[stage]
        settings = replace(settings, training=replace(settings.training, precision=precision))
        needs = {each: needed(each) for each in get_stage(stage).needs}
        return make_stage(resolve(get_stage(stage).target), settings, data.images, needs, 0)[0]

    data = Dataset(load_dataset_card(DATASET), profile.degradation)
    return fresh(name)


class _OurLoop:
    """The training loop's step, near the end of the training, where every stage does all that it does."""

    def __init__(self, stage: Stage) -> None:
        from benchmarks.training.loop import prepare

        self.stage, self.averages = stage, prepare(stage)
        self.index = max(0, stage.training.steps - 2)  # the last but one: the last adds a point to the history

    def advance(self) -> object:
        from benchmarks.training.checkpoints import Progress
        from benchmarks.training.loop import advance

        return advance(self.stage, self.averages, Progress(step=self.index))


def _seconds(run: Callable[[], object]) -> float:
    """Of a run, and on a GPU of what it has queued there."""
    import torch

    started = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _counted(run: Callable[[], object]) -> float:
    """Floating-point operations of the run's convolutions and matrix products."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


@dataclass(frozen=True)
class Convolution:
    """What one call of a convolution works on."""

    shape: tuple[int, ...]  # of its input
    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dtype: Any


@contextmanager
def _noted(ours: _OurLoop, calls: Counter[Convolution]) -> Iterator[None]:
    """Note the plain convolutions that are called, and how often."""
    from torch import nn

    def note(module: nn.Conv2d, given: tuple[Any, ...], made: Any) -> None:
        if isinstance(module.padding, tuple) and module.groups == 1:
            shape, weight = tuple(given[0].shape), tuple(module.weight.shape)
            calls[Convolution(shape, weight, module.stride, module.padding, made.dtype)] += 1

    modules = [module for network in ours.stage.networks.values() for module in network.modules()]
    handles = [module.register_forward_hook(note) for module in modules if type(module) is nn.Conv2d]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _ceiling(calls: Counter[Convolution]) -> float:
    """The best FLOP/s, forward and backward, of the convolutions that cost most, each in the better of both layouts."""
    import torch

    costs = {call: convolution_flop(call) * count for call, count in calls.items()}
    dominant = sorted(costs, key=lambda call: costs[call], reverse=True)[:DOMINANT]
    layouts = (torch.channels_last, torch.contiguous_format)
    return max(3 * convolution_flop(call) / _convolution_seconds(call, layout) for call in dominant for layout in layouts)


def convolution_flop(call: Convolution) -> int:
    """Floating-point operations of its forward pass."""
    outputs, inputs, height, width = call.weight
    across = [
        (side + 2 * padding - kernel) // stride + 1
        for side, padding, kernel, stride in zip(call.shape[2:], call.padding, (height, width), call.stride, strict=True)
    ]
    return 2 * call.shape[0] * across[0] * across[1] * outputs * inputs * height * width


def _convolution_seconds(call: Convolution, layout: Any) -> float:
    import torch

    from benchmarks.core.device import device

    def made_up(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randn(shape).to(device(), call.dtype).contiguous(memory_format=layout)

    image, weight = made_up(call.shape), made_up(call.weight)

    def run() -> None:
        made = torch.conv2d(image, weight, None, call.stride, call.padding)
        backward = torch.ops.aten.convolution_backward
        backward(made, image, weight, None, call.stride, call.padding, (1, 1), False, (0, 0), 1, (True, True, False))

    run()
    return min(_seconds(run) for _ in range(3))


def _device() -> str:
    import torch

    from benchmarks.results.provenance import environment

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return environment().processor


def _peak_megabytes() -> float:
    """Of this process, or of its GPU's memory. ``ru_maxrss`` would count what the process that started it had before."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return next(float(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1e3
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
