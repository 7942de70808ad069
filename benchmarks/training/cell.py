"""Computation of a training cell: threads, seeds, the stage and its training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.api.method import TrainedStage
from benchmarks.training.loop import Training, train
from benchmarks.training.stage import Context, Stage, StageImages, make_stage


def train_stage(
    cls: Callable[[Any, Context], Stage],
    settings: Any,
    data: StageImages,
    needs: Mapping[str, TrainedStage],
    *,
    seed: int,
    threads: int,
    checkpoint: Path,
    report: Callable[[int, dict[str, float]], None] = lambda step, losses: None,
) -> Training:
    """Train a stage.

    Args:
        cls: class of the stage.
        settings: instance of the stage's settings dataclass.
        data: training images that the stage may see.
        needs: trained stages that the stage starts from, by name.
        seed: seed of weights and batches.
        threads: torch's threads on a CPU; bits depend on their number.
        checkpoint: file to resume from and to write, as for ``loop.train``.
        report: called after every step with the step's number and losses.

    Raises:
        TrainingCollapsed: losses, gradients, a discriminator or an output show a collapse.
        UsageError: images are smaller than a patch, or a file is corrupt.
    """
    torch.set_num_threads(threads)
    stage, generator = make_stage(cls, settings, data, needs, seed)
    return train(stage, generator, checkpoint, report)
