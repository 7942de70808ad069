"""Speed of training steps: time, arithmetic and memory, compared with the reference step and with the machine's peak rate."""

from __future__ import annotations

import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.api.entries import Split
from benchmarks.api.image import Image, Pair
from benchmarks.catalog.degradations import make_degradation
from benchmarks.catalog.methods import get_stage, stage_class
from benchmarks.catalog.profiles import Profile, load_profile
from benchmarks.core.lazy import resolve
from benchmarks.data.cards import load_dataset_card
from benchmarks.data.dataset import Dataset
from benchmarks.data.pixels.images import DatasetImages
from benchmarks.measuring.apart import apart
from benchmarks.planning.step_times import StepFigure

if TYPE_CHECKING:
    from torch import nn

    from benchmarks.api.method import TrainedStage
    from benchmarks.measuring.reference_step import ReferenceStep
    from benchmarks.training.stage import Stage

DATASET = "demo-photos"  # the content of patches does not change the time of a step
DOMINANT = 3  # number of convolutions that the ceiling is measured on
LEAST_SECONDS = 0.5  # of the runs of one, of which the best counts: short ones are disturbed more easily


def measure_training(profile: Profile, stage: str, precision: str, repeat: int) -> StepFigure:
    """Measure the step of a stage, in a process of its own so that the peak of memory is that of the step.

    Args:
        profile: profile with the sizes of networks and batches.
        stage: name of the stage; a stage with phases is measured in the last.
        precision: precision of our forward passes; those of the reference step are float32.
        repeat: measurements of our step and of the reference step, in turn; the best of each counts. 0 for arithmetic and memory
            only.

    Returns:
        The figure. It has no reference time if the stage has no reference step, and no time at all if published weights that
        a loss needs cannot be had.
    """
    return apart(f"{stage}, {precision}", _measure, profile.name, profile.changes, stage, precision, repeat)


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
    make_reference = resolve(target, f"reference step of training stage '{name}'", ("advance",))
    reference: ReferenceStep = make_reference(_fresh(profile, name, "float32"))
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
    """A stage with fresh weights; so have the stages that it needs."""
    from benchmarks.api.method import TrainedStage
    from benchmarks.training.stage import StageImages, make_stage

    def needed(stage: str) -> TrainedStage:
        networks = fresh(stage).networks
        return TrainedStage(profile.stages[stage], {key: net.state_dict() for key, net in networks.items()}, data.card.scale)

    def fresh(stage: str) -> Stage:
        settings = profile.stages[stage]
        settings = replace(settings, training=replace(settings.training, precision=precision))
        needs = {name: needed(name) for name in get_stage(stage).needs}
        images = StageImages(_LargeImages(data, settings.training.patch_size), stage, get_stage(stage).reads)
        return make_stage(stage_class(stage), settings, images, needs, 0)[0]

    data = Dataset(load_dataset_card(DATASET), profile.degradation)
    return fresh(name)


class _LargeImages(DatasetImages):
    """Training images repeated side by side, until a patch has room in LR images, and in the downscales of X and Y.

    Args:
        data: the data set.
        patch_size: side of a patch in LR pixels.
    """

    def __init__(self, data: Dataset, patch_size: int) -> None:
        super().__init__(
            data.card.name, data.card.scale, data.card.sources, data.degradation, make_degradation("bicubic", {}, "")
        )
        self._least = data.card.scale * patch_size

    def x(self) -> list[Image]:
        return [_repeated(image, self._least) for image in super().x()]

    def y(self) -> list[Image]:
        return [_repeated(image, self._least) for image in super().y()]

    def z(self) -> list[Image]:
        return [_repeated(image, self.scale * self._least) for image in super().z()]

    def pairs(self, split: Split, only: Collection[str] | None = None) -> list[Pair]:
        sizes = self._least, self.scale * self._least
        return [Pair(pair.name, *map(_repeated, (pair.lr, pair.hr), sizes)) for pair in super().pairs(split, only)]


def _repeated(image: Image, side: int) -> Image:
    """An image beside itself and below itself, as often as it takes for sides of ``side`` pixels or more."""
    import numpy as np

    return np.tile(image, (-(-side // image.shape[0]), -(-side // image.shape[1]), 1))


class _OurLoop:
    """Step of the training loop near the end of a training, where all loss terms of a stage are active."""

    def __init__(self, stage: Stage) -> None:
        from benchmarks.training.loop import prepare

        self.stage, self.averages = stage, prepare(stage)
        self.index = max(0, stage.training.steps - 2)  # the last step but one: the last step adds a point to the history

    def advance(self) -> object:
        from benchmarks.training.checkpoints import Progress
        from benchmarks.training.loop import advance
        from benchmarks.training.watch import Watch

        watch = Watch(self.stage, Progress(step=self.index))
        advance(self.stage, self.averages, watch)
        return watch.latest


def _seconds(run: Callable[[], object]) -> float:
    """Seconds of a run, and on a GPU until its queued work is done."""
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
    """Call of a convolution.

    Attributes:
        shape: shape of the input, ``(N, C, H, W)``.
        weight: shape of the weight, ``(outputs, inputs, height, width)``.
        stride: stride along both axes.
        padding: padding along both axes.
        dtype: torch's type of input and output.
    """

    shape: tuple[int, ...]
    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dtype: Any


@contextmanager
def _noted(ours: _OurLoop, calls: Counter[Convolution]) -> Iterator[None]:
    """Count the calls of plain convolutions inside the block."""
    from torch import nn

    def note(module: nn.Conv2d, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(module.padding, tuple) and module.groups == 1:
            shape, weight = tuple(inputs[0].shape), tuple(module.weight.shape)
            calls[Convolution(shape, weight, module.stride, module.padding, output.dtype)] += 1

    modules = [module for network in ours.stage.networks.values() for module in network.modules()]
    handles = [module.register_forward_hook(note) for module in modules if type(module) is nn.Conv2d]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _ceiling(calls: Counter[Convolution]) -> float:
    """Best FLOP/s of the costliest convolutions, forward and backward, over both memory layouts."""
    import torch

    costs = {call: convolution_flop(call) * count for call, count in calls.items()}
    dominant = sorted(costs, key=lambda call: costs[call], reverse=True)[:DOMINANT]
    layouts = (torch.channels_last, torch.contiguous_format)
    return max(3 * convolution_flop(call) / _convolution_seconds(call, layout) for call in dominant for layout in layouts)


def convolution_flop(call: Convolution) -> int:
    """Floating-point operations of a convolution's forward pass; a multiply-add counts as two."""
    outputs, inputs, height, width = call.weight
    across = [
        (side + 2 * padding - kernel) // stride + 1
        for side, padding, kernel, stride in zip(call.shape[2:], call.padding, (height, width), call.stride, strict=True)
    ]
    return 2 * call.shape[0] * across[0] * across[1] * outputs * inputs * height * width


def _convolution_seconds(call: Convolution, layout: Any) -> float:
    import torch

    from benchmarks.core.device import device

    def random(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randn(shape).to(device(), call.dtype).contiguous(memory_format=layout)

    image, weight = random(call.shape), random(call.weight)

    def run() -> None:
        output = torch.conv2d(image, weight, None, call.stride, call.padding)
        backward = torch.ops.aten.convolution_backward
        backward(output, image, weight, None, call.stride, call.padding, (1, 1), False, (0, 0), 1, (True, True, False))

    run()
    times = [_seconds(run)]
    while len(times) < 5 or sum(times) < LEAST_SECONDS:
        times.append(_seconds(run))
    return min(times)


def _device() -> str:
    import torch

    from benchmarks.results.provenance import processor_name

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return processor_name()


def _peak_megabytes() -> float:
    """Peak memory of this process, or of its GPU. ``ru_maxrss`` may include memory of the process that started this process."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return next(float(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1e3
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
