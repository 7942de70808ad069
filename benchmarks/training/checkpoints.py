"""Checkpoints: the whole state of a training. A resumed training gives the same bits as an uninterrupted one."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel

from benchmarks.core.errors import UsageError
from benchmarks.core.files import write_atomically
from benchmarks.training import distributed
from benchmarks.training.stage import Stage

UNREADABLE = (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError)  # raised by torch.load on a damaged file


@dataclass
class Progress:
    """State of the training loop.

    Attributes:
        step: number of steps done.
        seconds: time spent on them.
        history: points with the step and the mean of each loss since the point before.
        pending: losses of the steps since the last point.
        recent: latest losses of each discriminator, for ``health.check_discriminator``.
        gradients: records of gradient norms by network, for ``health.check_gradients``.
    """

    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    pending: list[dict[str, float]] = field(default_factory=list)
    recent: dict[str, list[float]] = field(default_factory=dict)
    gradients: dict[str, list[float]] = field(default_factory=dict)


def save(path: Path, stage: Stage, averages: Mapping[str, AveragedModel], generator: torch.Generator, progress: Progress) -> None:
    """Write weights, optimisers, moving averages, random states and progress. Of several processes only the first writes."""
    if distributed.rank():
        return
    content = {
        "networks": {name: network.state_dict() for name, network in stage.networks.items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in stage.optimizers.items()},
        "averages": {name: average.state_dict() for name, average in averages.items()},
        "generator": generator.get_state(),
        "torch": torch.get_rng_state(),
        "progress": asdict(progress),
    }
    write_atomically(path, lambda file: torch.save(content, file))


def restore(path: Path, stage: Stage, averages: Mapping[str, AveragedModel], generator: torch.Generator) -> Progress:
    """Put a stage into the state of a checkpoint.

    Args:
        path: the checkpoint; if it does not exist, the stage stays as it is.
        stage: stage to restore.
        averages: moving averages of its networks, by network.
        generator: random state of its samplers.

    Returns:
        Progress of the training; that of step 0 without a checkpoint.

    Raises:
        UsageError: the file is corrupt.
    """
    if not path.is_file():
        return Progress()
    try:
        with zipfile.ZipFile(path) as records:  # torch writes checksums and never checks them
            if damaged := records.testzip():
                raise ValueError(f"{damaged} has changed")
        content = torch.load(path, map_location="cpu", weights_only=True)
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
        raise UsageError(f"{path}: corrupt checkpoint ({error}): delete it to train this cell from the start") from error
