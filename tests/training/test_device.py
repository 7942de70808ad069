"""No stage names a device: with every tensor on another one, a step meets none that was left behind."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from benchmarks.catalog.registry import STAGES

from baselines import srgan
from benchmarks.api.method import Descriptor
from benchmarks.api.settings import TrainingSettings
from benchmarks.catalog.methods import get_method
from benchmarks.core.lazy import resolve
from benchmarks.scoring.evaluation import super_resolve
from benchmarks.training import loop as training
from tests.measuring.test_textbook import twin
from tests.training.test_training import PROFILE, trained

META = torch.device("meta")  # works out shapes only, and refuses to meet tensors of the CPU


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (training, srgan):
        monkeypatch.setattr(module, "device", lambda: META)
    monkeypatch.setattr(training.Stage, "mixed_precision", lambda stage: nullcontext())  # meta has no autocast


@pytest.mark.train
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


@pytest.mark.train
@pytest.mark.filterwarnings("ignore:.*from a non-meta parameter")
@pytest.mark.parametrize("name", ["fsrcnn", "edsr", "srgan", "cincgan", "pseudo-supervision"])
def test_a_method_made_on_a_device_enlarges_there(name: str) -> None:
    method = get_method(name)
    stages = {stage: trained(stage) for stage in method.stages}
    with META:
        made = resolve(method.target).from_stages(stages, 4)
    image = torch.empty(1, 3, 20, 24, device=META)
    sr = made(image)
    assert (sr.device, sr.shape) == (META, (1, 3, 80, 96))


def test_what_a_method_makes_is_fetched_from_its_device() -> None:
    """As far as a CPU can show it: the input arrives on the device that was named."""
    seen = []

    def method(lr: torch.Tensor) -> torch.Tensor:
        seen.append(lr.device)
        return torch.zeros(1, 3, 80, 96)

    method.descriptor = Descriptor(4, 1)  # type: ignore[attr-defined]
    assert super_resolve(method, np.zeros((20, 24, 3), np.uint8), device=META).shape == (80, 96, 3)  # type: ignore[arg-type]
    assert seen == [META]


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
