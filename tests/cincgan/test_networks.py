"""Sizes and shapes against the paper (figure 3) and against the published EDSR."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks.catalog.profiles import load_profile
from benchmarks.training.networks.edsr import EDSRNetwork
from benchmarks.training.networks.resampling import resample
from benchmarks.training.networks.settings import EDSRSettings
from cincgan.networks.discriminator import Discriminator, ScoreConv, hr_discriminator, lr_discriminator
from cincgan.networks.generator import Generator
from cincgan.networks.settings import DiscriminatorSettings, GeneratorSettings

PAPER = load_profile("paper")
GENERATOR = GeneratorSettings(channels=64, blocks=6, global_skip=False, residual_window=0)
SMALL = GeneratorSettings(channels=8, blocks=1, global_skip=True, residual_window=0)
DISCRIMINATOR = DiscriminatorSettings(channels=64, padding=1, instance_noise=0.0, highpass_window=0)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def edsr(channels: int, blocks: int, res_scale: float) -> EDSRNetwork:
    training = PAPER.stages["edsr"].training
    return EDSRNetwork(EDSRSettings(training, channels, blocks, res_scale, global_skip=False), scale=4)


def test_the_paper_profile_has_the_networks_of_figure_3() -> None:
    assert PAPER.stages["cincgan-inner"].generator == PAPER.stages["cincgan-joint"].g3 == GENERATOR
    assert PAPER.stages["cincgan-inner"].discriminator == PAPER.stages["cincgan-joint"].d2 == DISCRIMINATOR


@pytest.mark.parametrize(("scale", "count"), [(1, 609_731), (4, 667_075)])
def test_generators_have_the_parameters_of_figure_3a(scale: int, count: int) -> None:
    assert parameters(Generator(GENERATOR, scale)) == count


@pytest.mark.parametrize("make", [lr_discriminator, hr_discriminator])
def test_discriminators_have_the_parameters_of_figure_3b(make: type[Discriminator]) -> None:
    assert parameters(make(DISCRIMINATOR)) == 2_766_529


@pytest.mark.parametrize(("size", "count"), [((256, 32, 0.1), 43_089_923), ((64, 16, 1.0), 1_517_571)])
def test_edsr_has_its_published_parameters(size: tuple[int, int, float], count: int) -> None:
    # EDSR-PyTorch's edsr_x4 and edsr_baseline_x4; its MeanShift layers (24 constants) are no parameters here.
    with torch.device("meta"):
        assert parameters(edsr(*size)) == count


def test_generators_have_no_normalisation_and_discriminators_have_three_batchnorms() -> None:
    assert not any("Norm" in type(module).__name__ for module in Generator(GENERATOR).modules())
    assert sum(isinstance(module, nn.BatchNorm2d) for module in lr_discriminator(DISCRIMINATOR).modules()) == 3


@pytest.mark.parametrize(("make", "field", "side"), [(lr_discriminator, 16, 32), (hr_discriminator, 70, 160)])
def test_receptive_fields(make: type[Discriminator], field: int, side: int) -> None:
    network = make(DiscriminatorSettings(channels=4, padding=1, instance_noise=0.0, highpass_window=0)).eval()
    image = torch.rand(1, 3, side, side, requires_grad=True)
    scores = network(image)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    assert image.grad is not None
    seen = image.grad.abs().sum(dim=(0, 1)) > 0
    assert int(seen.any(0).sum()) == int(seen.any(1).sum()) == field


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_scores_by_a_matrix_product_are_the_convolutions(padding: int) -> None:
    layer, image = ScoreConv(5, 4, padding), torch.rand(2, 5, 7, 9, requires_grad=True)
    expected = nn.functional.conv2d(image, layer.weight, layer.bias, padding=padding)
    ours, gradients = (
        torch.autograd.grad(scores.square().sum(), [image, *layer.parameters()]) for scores in (layer(image), expected)
    )
    for value, expected_value in zip((layer(image), *ours), (expected, *gradients), strict=True):
        torch.testing.assert_close(value, expected_value)


def test_shapes() -> None:
    lr, hr = torch.rand(2, 3, 24, 20), torch.rand(2, 3, 96, 80)
    assert Generator(SMALL)(lr).shape == lr.shape
    assert Generator(SMALL, scale=4)(hr).shape == lr.shape
    assert edsr(8, 1, 1.0)(lr).shape == hr.shape


def test_with_a_global_skip_generators_start_as_the_identity_and_as_a_downscaler() -> None:
    hr = torch.rand(1, 3, 16, 16)
    assert torch.equal(Generator(SMALL)(hr), hr)
    assert torch.allclose(Generator(SMALL, scale=4)(hr), resample(hr, 0.25))


def test_a_high_pass_discriminator_ignores_brightness() -> None:
    network = lr_discriminator(DiscriminatorSettings(channels=4, padding=1, instance_noise=0.0, highpass_window=5)).eval()
    image = torch.rand(1, 3, 24, 24) * 0.5
    assert torch.allclose(network(image), network(image + 0.25), atol=1e-5)
    assert not torch.allclose(network(image), network(image * 0.5), atol=1e-5)
