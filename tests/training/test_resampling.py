"""Resampling of tensors, and the skip connections that use it: the method ``bicubic`` where nothing is trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from baselines.bicubic.method import Bicubic
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.methods import get_method, get_stage, methods
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.lazy import resolve
from benchmarks.degradations.imresize import imresize
from benchmarks.training.networks.resampling import resample
from benchmarks.training.stage import Context
from tests.helpers.stages import visible

# Methods whose output is their skip connection as long as the last layers are zero. BM3D+EDSR denoises first.
WITH_SKIP = (
    "edsr",
    "edsr-paired",
    "fsrcnn",
    "srgan",
    "srgan-paired",
    "cincgan",
    "pseudo-supervision",
    "cyclesr",
    "dsgan",
    "pdm",
    "blind-synthetic",
    "noise-injection",
)


def random_images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("scale", [4, 2, 3, 0.25, 0.5])
@pytest.mark.parametrize("size", [(24, 36), (12, 48)])
def test_tensors_are_resized_as_arrays(scale: float, size: tuple[int, int]) -> None:
    images = random_images(2, 3, *size)
    expected = np.stack([imresize(image.permute(1, 2, 0).double().numpy(), scale) for image in images])
    resized = resample(images, scale)
    assert resized.dtype == torch.float32
    np.testing.assert_allclose(resized.permute(0, 2, 3, 1), expected, atol=1e-6)


def test_the_enlargement_is_differentiable() -> None:
    images = random_images(1, 2, 5, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda tensor: resample(tensor, 4), (images,))


def test_autocast_rounds_nothing() -> None:
    images = random_images(2, 3, 12, 12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = resample(images, 4)
    assert torch.equal(under_autocast, resample(images, 4))


def stage_with_zero_last_layers(name: str, needs: dict[str, TrainedStage]) -> TrainedStage:
    """A demo stage as if it had been trained for no step, the last layers of its generators zero."""
    settings = load_profile("demo").stages[name]
    settings = replace(settings, training=replace(settings.training, steps=0))
    stage = resolve(get_stage(name).target)(settings, Context(visible(name), torch.Generator(), needs))
    for key, network in stage.networks.items():
        if key[0] in ("s", "g"):
            zero_last_layer(network)
    return TrainedStage(settings, {key: network.state_dict() for key, network in stage.networks.items()}, 4)


def zero_last_layer(network: nn.Module) -> None:
    last = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)][-1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)


def stages_of(names: tuple[str, ...]) -> dict[str, TrainedStage]:
    built: dict[str, TrainedStage] = {}

    def build(name: str) -> None:
        if name not in built:
            for needed in get_stage(name).needs:
                build(needed)
            built[name] = stage_with_zero_last_layers(name, {needed: built[needed] for needed in get_stage(name).needs})

    for name in names:
        build(name)
    return built


@pytest.mark.parametrize("name", WITH_SKIP)
def test_a_method_trained_for_no_step_is_bicubic_interpolation(name: str) -> None:
    entry = get_method(name)
    method = resolve(entry.target).from_stages(stages_of(entry.stages), 4)
    lr = random_images(2, 3, 24, 30)
    torch.testing.assert_close(method(lr), Bicubic(4)(lr), atol=1e-6, rtol=0)


def test_every_trained_method_has_a_skip_connection_or_denoises_first() -> None:
    denoising = {"bm3d-edsr", "bm3d-edsr-correlated", "simusr"}
    assert {name for name, method in methods().items() if method.stages} - set(WITH_SKIP) == denoising
