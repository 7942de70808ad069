"""No stage names a device: with every tensor on another one, a step meets none that was left behind."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from baselines import srgan
from benchmarks import training
from benchmarks.registry import STAGES
from benchmarks.settings import TrainingSettings
from tests.test_textbook import twin
from tests.test_training import PROFILE

META = torch.device("meta")  # works out shapes only, and refuses to meet tensors of the CPU


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (training, srgan):
        monkeypatch.setattr(module, "device", lambda: META)
    monkeypatch.setattr(training.Stage, "mixed_precision", lambda stage: nullcontext())  # meta has no autocast


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, stage in STAGES.items() if not stage.weights_of])
@pytest.mark.usefixtures("elsewhere")
def test_a_step_stays_on_its_device(name: str) -> None:
    stage = twin(name)
    training.made_ready(stage)
    losses = stage.step(0)
    assert {loss.device for loss in losses.values()} == {META}
    assert {image.device for image in stage.probe()} == {META}
    for network, module in stage.networks.items():
        for key, parameter in module.named_parameters():
            assert parameter.grad is not None and parameter.grad.device == META, f"{network}: {key}"


def test_a_gpu_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert training.device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert training.device() == torch.device("cuda", 1)
    assert training.effective_precision(settings("bfloat16")) == "bfloat16"
    assert training.effective_precision(settings("float32")) == "float32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert training.effective_precision(settings("bfloat16")) == "float32"


def settings(precision: str) -> TrainingSettings:
    return replace(PROFILE.stages["edsr"].training, precision=precision)
