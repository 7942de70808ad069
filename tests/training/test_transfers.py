"""A training step brings nothing from a GPU to the host.

Tensors without values stand in for a GPU's: any transfer of them to the host raises.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from benchmarks.catalog.methods import stages
from benchmarks.data.pixels.patches import ResidentImages
from benchmarks.training import loop, pair_source, watch
from benchmarks.training.checkpoints import Progress
from benchmarks.training.stage import Stage
from tests.helpers.stages import STEPS, fresh

META = torch.device("meta")


def adam(self: Stage, *networks: str, learning_rate: float) -> Optimizer:
    """Adam without the fused kernel, which meta tensors lack."""
    return torch.optim.Adam([parameter for name in networks for parameter in self.networks[name].parameters()], learning_rate)


@pytest.mark.parametrize("name", stages())
def test_a_step_and_its_watch_bring_nothing_to_the_host(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baselines.srgan.stage.SRGANStage.features", nn.Identity())  # in place of VGG16, which needs weights
    monkeypatch.setattr(Stage, "adam", adam)
    monkeypatch.setattr(torch, "autocast", lambda *args, **options: nullcontext())
    monkeypatch.setattr("benchmarks.training.stage.effective_precision", lambda training: "float32")
    monkeypatch.setattr("benchmarks.data.pixels.sampler.make_store", lambda images, device: ResidentImages(images, META))
    for module in (loop, watch, pair_source):
        monkeypatch.setattr(module, "device", lambda: META)
    stage = fresh(name, torch.Generator().manual_seed(1))
    averages = loop.prepare(stage)
    for step in (0, STEPS - 2):  # both phases of a schedule with a warm-up
        watched = watch.Watch(stage, Progress(step=step))
        monkeypatch.setattr(watched, "check", lambda: None)
        loop.advance(stage, averages, watched)
        with pytest.raises((RuntimeError, NotImplementedError)):
            watched._kept[-1].values.tolist()
