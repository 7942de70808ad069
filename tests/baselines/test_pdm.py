"""PDM-SR: sizes of its modules, kernels that shift nothing, noise that is noise, and pairs of the frozen degradation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import mse_loss

from baselines.pdm.degradation import DegradationStage
from baselines.pdm.method import PDM
from baselines.pdm.network import CODE, KernelModule, NoiseModule, blurred, gaussian_logits
from baselines.pdm.settings import DegradationSettings, ModuleSettings
from baselines.pdm.stage import PDMStage
from benchmarks import speed
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.degradations.imresize import imresize
from benchmarks.training.stage import make_stage
from tests.helpers.stages import PROFILE, trained, visible
from tests.helpers.steps import discriminator_step, generator_loss

PAPER: DegradationSettings = load_profile("paper").stages["pdm-degradation"]
SMALL = ModuleSettings(channels=8, blocks=1)


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def with_random_last_layer(module: KernelModule) -> KernelModule:
    last: Any = module.layers[-1]
    torch.nn.init.normal_(last.weight, std=0.3, generator=torch.Generator().manual_seed(1))
    return module


def width(kernel: NDArray[np.float32]) -> float:
    """Standard deviation of a kernel along its rows."""
    places = np.arange(len(kernel)) - (len(kernel) - 1) / 2
    return float(np.sqrt((kernel.sum(1) * places**2).sum()))


def test_the_modules_have_the_published_sizes() -> None:
    assert parameters(KernelModule(PAPER.kernel, 21, 2.0)) == 168_121
    assert parameters(NoiseModule(PAPER.noise, 0.0)) == 1_187_587


def test_kernels_start_as_a_gaussian() -> None:
    """A zero layer with a single bias of 1 would be an almost flat square, and no delta."""
    kernels = KernelModule(SMALL, 22, 2.0)(torch.randn(3, CODE, 1, 1)).detach().numpy()
    places = np.arange(22) - 10.5
    gaussian = np.exp(-(places[:, None] ** 2 + places**2) / 8)
    np.testing.assert_allclose(kernels[0, 0], gaussian / gaussian.sum(), atol=1e-6)
    assert np.array_equal(kernels[0], kernels[2])
    flat = torch.zeros(441).index_fill(0, torch.tensor(220), 1.0).softmax(0).view(21, 21).numpy()
    assert width(flat) > 5 > 2.1 > width(kernels[0, 0]) > 1.9


def test_learned_kernels_differ_keep_brightness_and_shift_nothing() -> None:
    kernels = with_random_last_layer(KernelModule(SMALL, 22, 2.0))(torch.randn(3, CODE, 1, 1)).detach()
    assert not torch.allclose(kernels[0], kernels[1])
    torch.testing.assert_close(kernels.sum((1, 2, 3)), torch.ones(3))
    places = torch.arange(22) - 10.5
    for axis in (2, 3):
        assert (kernels.sum((1, 5 - axis)) * places).sum(1).abs().max() < 1e-5


def test_images_are_blurred_by_their_own_kernels_at_the_centres_of_lr_pixels() -> None:
    generator = np.random.default_rng(0)
    hr = generator.uniform(size=(2, 3, 40, 48)).astype(np.float32)
    kernels = with_random_last_layer(KernelModule(SMALL, 8, 1.5))(torch.randn(2, CODE, 1, 1)).detach()
    lr = blurred(torch.from_numpy(hr), kernels, 4).numpy()
    assert lr.shape == (2, 3, 10, 12)
    for image, kernel, result in zip(hr, kernels[:, 0].numpy(), lr, strict=True):
        for row, column in ((1, 1), (5, 7), (8, 10)):  # LR pixels; 8 pixels of HR around the 4 that make up each
            square = image[:, 4 * row - 2 : 4 * row + 6, 4 * column - 2 : 4 * column + 6]
            np.testing.assert_allclose(result[:, row, column], (square * kernel).sum((1, 2)), atol=1e-5)
    ramp = np.broadcast_to(np.arange(48.0)[None, :, None], (40, 48, 3)) / 48
    columns = torch.from_numpy(np.ascontiguousarray(ramp.transpose(2, 0, 1)[None])).float()
    bicubic = imresize(ramp, 1 / 4)[5, 3:-3, 0]
    np.testing.assert_allclose(blurred(columns, kernels[:1], 4)[0, 0, 5, 3:-3], bicubic, atol=1e-5)


def test_a_kernel_that_would_shift_images_is_refused() -> None:
    settings = replace(PROFILE.stages["pdm-degradation"], kernel_size=21)
    with pytest.raises(UsageError, match="kernel_size 21 would shift images by half a pixel at scale 4: set it to 22"):
        make_stage(DegradationStage, settings, visible("pdm-degradation"), {}, seed=3)


def test_a_batch_of_one_image_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    setting = "stages.pdm-degradation.training.batch_size=1"
    assert speed.main(["training", "--stages", "pdm-degradation", "--profile", "smoke", "--set", setting]) == 2
    assert "batch_size must be 2 or more: BatchNorm of the kernel module" in (error := capsys.readouterr().err)
    assert error.count("\n") == 1


def test_noise_varies_from_pixel_to_pixel() -> None:
    """One code per image and 1x1 convolutions, as in the published configuration of this track, give a tint and no noise."""
    lr = torch.rand(2, 3, 12, 12)
    start = NoiseModule(SMALL, 0.05)
    code = torch.randn(2, 3, 12, 12)
    assert torch.equal(start(lr, code), 0.05 * code)
    learned = NoiseModule(SMALL, 0.0)
    last: Any = learned.layers[-1]
    torch.nn.init.normal_(last.weight, std=0.3)
    first, second = (learned(lr, torch.randn(2, 3, 12, 12)) for _ in range(2))
    assert (first - second).std(dim=(2, 3)).min() > 1e-3


def stage() -> DegradationStage:
    settings = PROFILE.stages["pdm-degradation"]
    plain = replace(settings, discriminator=replace(settings.discriminator, instance_noise=0.0))
    fresh, _ = make_stage(DegradationStage, plain, visible("pdm-degradation"), {}, seed=3)
    assert isinstance(fresh, DegradationStage)
    return fresh


def test_losses_are_least_squares_and_the_strength_of_noise() -> None:
    ours, twin = stage(), stage()
    torch.manual_seed(7)
    losses = ours.step(0)
    x, (y, z) = twin.x.draw(), twin.pairs.draw_pairs()
    torch.manual_seed(7)
    torch.randn(len(y) * CODE)  # codes of kernels, which all start alike
    noise = 0.05 * torch.randn(*y.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2)
    assert losses["noise_strength"].item() == pytest.approx(10 * mse_loss(noise, torch.zeros_like(noise)).item(), rel=1e-3)
    degraded = blurred(z, gaussian_logits(22, 2.0).softmax(0).view(1, 1, 22, 22).expand(len(z), -1, -1, -1), 4) + noise
    d = twin.networks["d"]
    discriminator_step(d, torch.optim.Adam(d.parameters(), ours.learning_rates["d"], (0.5, 0.999)), x, degraded)
    assert losses["adversarial"].item() == pytest.approx(generator_loss(d, x, degraded).item(), rel=1e-2)


def sr_stage(**changes: Any) -> PDMStage:
    first = trained("pdm-degradation")
    kernel = {**first.weights["kernel"], "layers.5.weight": torch.randn_like(first.weights["kernel"]["layers.5.weight"])}
    first = TrainedStage(replace(first.settings, **changes), {**first.weights, "kernel": kernel}, 4)
    needs = {"edsr": trained("edsr"), "pdm-degradation": first}
    fresh, _ = make_stage(PDMStage, PROFILE.stages["pdm"], visible("pdm"), needs, seed=3)
    assert isinstance(fresh, PDMStage)
    return fresh


def test_sr_learns_from_8_bit_images_of_a_degradation_that_stays_as_it_is() -> None:
    sr = sr_stage()
    before = {name: value.clone() for name, value in sr.kernel.state_dict().items()}
    sr.step(0)
    first, _ = sr.probe()
    torch.testing.assert_close((255 * first).round() / 255, first, atol=1e-6, rtol=0)
    assert all(torch.equal(value, before[name]) for name, value in sr.kernel.state_dict().items()), "nor its running statistics"


@pytest.mark.parametrize("random_kernels", [True, False])
def test_the_variant_has_one_kernel_for_all_images(random_kernels: bool) -> None:
    sr = sr_stage(random_kernels=random_kernels, input_noise=0.0)
    z = torch.rand(1, 3, 96, 96).expand(4, -1, -1, -1)
    lr, _ = sr.degrade(z[:, :, ::4, ::4], z, sr.draws)
    assert torch.equal(lr[0], lr[1]) != random_kernels


def test_the_method_is_sr_alone() -> None:
    sr = sr_stage()
    sr.step(0)
    weights = {name: network.state_dict() for name, network in sr.networks.items()}
    method = PDM.from_stages({"edsr": trained("edsr"), "pdm": TrainedStage(None, weights, 4)}, 4)
    lr = torch.rand(1, 3, 20, 24)
    assert torch.equal(method(lr), sr.networks["sr"].eval()(lr).detach())
