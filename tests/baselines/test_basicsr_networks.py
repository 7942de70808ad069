"""Our networks against BasicSR's: names, shapes and initial weights of parameters, outputs and gradients, to the bit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from baselines.rrdbnet.network import RRDBNet
from baselines.srgan.network import Discriminator, MSRResNet
from benchmarks.core.errors import UsageError
from benchmarks.training.networks.edsr import EDSR
from tests.helpers.basicsr import basicsr_network, needs_basicsr

Make = Callable[[], nn.Module]


def edsr(scale: int, res_scale: float) -> tuple[Make, Make]:
    size = {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_block": 3, "img_range": 255.0}
    return (
        lambda: EDSR(channels=8, blocks=3, res_scale=res_scale, scale=scale),
        lambda: basicsr_network("edsr_arch", "EDSR", upscale=scale, res_scale=res_scale, **size),
    )


def msrresnet(scale: int) -> tuple[Make, Make]:
    size = {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_block": 3}
    return (
        lambda: MSRResNet(channels=8, blocks=3, scale=scale),
        lambda: basicsr_network("srresnet_arch", "MSRResNet", upscale=scale, **size),
    )


PAIRS: dict[str, tuple[Make, Make, int]] = {
    **{f"edsr-x{scale}": (*edsr(scale, res_scale), 11) for scale, res_scale in ((2, 1.0), (3, 0.1), (4, 0.1), (8, 1.0))},
    **{f"msrresnet-x{scale}": (*msrresnet(scale), 11) for scale in (2, 3, 4)},
    "discriminator": (
        lambda: Discriminator(channels=8),
        lambda: basicsr_network("discriminator_arch", "VGGStyleDiscriminator", num_in_ch=3, num_feat=8, input_size=128),
        128,
    ),
    "rrdbnet": (
        lambda: RRDBNet(blocks=2),
        lambda: basicsr_network("rrdbnet_arch", "RRDBNet", num_in_ch=3, num_out_ch=3, scale=4, num_block=2),
        11,
    ),
}


def seeded(make: Make) -> nn.Module:
    torch.manual_seed(5)
    return make()


@needs_basicsr
@pytest.mark.parametrize("name", PAIRS)
def test_initial_weights_are_basicsrs(name: str) -> None:
    make, make_theirs, _ = PAIRS[name]
    theirs = seeded(make_theirs).state_dict()
    ours = seeded(make).state_dict()
    assert list(ours) == list(theirs)
    for key, values in ours.items():
        assert torch.equal(values, theirs[key]), key


@needs_basicsr
@pytest.mark.parametrize("name", PAIRS)
def test_outputs_and_gradients_are_basicsrs(name: str) -> None:
    make, make_theirs, side = PAIRS[name]
    outcomes = [outcome(seeded(network), side) for network in (make_theirs, make)]
    for key, expected in outcomes[0].items():
        assert torch.equal(outcomes[1][key], expected), key


def outcome(network: nn.Module, side: int) -> dict[str, Tensor]:
    """Output, and gradient of every parameter, with values of weights as after a training."""
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.data += 0.02 * torch.randn(parameter.shape, generator=generator)
    images = torch.rand(2, 3, side, side, generator=generator)
    output = network(images)
    output.square().mean().backward()
    return {"": output.detach(), **{name: parameter.grad for name, parameter in network.named_parameters()}}


def test_the_discriminator_takes_images_in_channels_last_memory() -> None:
    network = seeded(lambda: Discriminator(channels=4)).to(memory_format=torch.channels_last)
    images = torch.rand(2, 3, 128, 128)
    torch.testing.assert_close(network(images.to(memory_format=torch.channels_last)), network(images), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("channels", "blocks", "parameters"), [(256, 32, 43_089_923), (64, 16, 1_517_571)])
def test_published_sizes_of_edsr(channels: int, blocks: int, parameters: int) -> None:
    """Lim et al., table 1: 43M and 1.5M; the counts are those of the authors' published weights."""
    with torch.device("meta"):
        network = EDSR(channels=channels, blocks=blocks, res_scale=1, scale=4)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize("scale", [5, 6, 12])
def test_scales_that_pixel_shuffles_do_not_reach(scale: int) -> None:
    with pytest.raises(UsageError, match=f"the data set has x{scale}: EDSR and SRGAN enlarge by 3 or a power of 2"):
        EDSR(channels=4, blocks=1, res_scale=1, scale=scale)
