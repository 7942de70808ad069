"""SRGAN: published sizes, its step against one written by hand, its perceptual loss against torchvision's VGG16."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss
from torchvision.models import VGG16_Weights
from torchvision.models.vgg import cfgs, make_layers
from torchvision.transforms.functional import normalize

from baselines.fsrcnn.network import FSRCNNNetwork
from baselines.fsrcnn.settings import FSRCNNSettings
from baselines.srgan.method import SRGAN
from baselines.srgan.paired_stage import PairedSRGANStage
from baselines.srgan.stage import SRGANStage
from benchmarks.api.method import TrainedStage
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition.weights import fetch, load_weight_card
from benchmarks.planning.plan import make_plan
from benchmarks.scoring.trunks import read_arrays
from benchmarks.training.loop import train
from benchmarks.training.networks.basicsr import msrresnet, vgg_discriminator
from benchmarks.training.networks.vgg import VGGFeatures
from benchmarks.training.networks.vgg_layers import VGG_LAYERS
from benchmarks.training.stage import Stage, make_stage
from tests.helpers.stages import DATA, PROFILE, trained
from tests.helpers.steps import assert_same_steps, update, weights


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_published_sizes() -> None:
    assert count(msrresnet(channels=64, blocks=16, scale=4)) == 1_517_571  # AIM 2019 constrained SR challenge, MSRResNet
    assert count(vgg_discriminator(channels=64)) == 14_499_401


@pytest.mark.parametrize("name", ["smoke", "demo", "paper"])
def test_the_loss_weights_are_basicsrs_in_every_profile(name: str) -> None:
    srgan = load_profile(name).stages["srgan"]
    assert (srgan.pixel, srgan.perceptual, srgan.adversarial) == (1e-2, 1.0, 5e-3)
    assert srgan.pixel_steps < srgan.training.steps


def test_fsrcnn_has_the_published_number_of_filter_weights() -> None:
    """FSRCNN(56, 12, 4): 12,464, table 1 of Dong et al., ECCV 2016, which leaves out biases and PReLU slopes."""
    network = FSRCNNNetwork(FSRCNNSettings(PROFILE.stages["fsrcnn"].training, features=56, shrunk=12, mappings=4), 4)
    filters = sum(parameter.numel() for parameter in network.parameters() if parameter.ndim == 4)
    assert filters == 12_464 == 5 * 5 * 56 + 56 * 12 + 4 * 3 * 3 * 12 * 12 + 12 * 56 + 9 * 9 * 56


def test_fsrcnn_enlarges_luma_and_leaves_colour_differences_to_bicubic() -> None:
    network = FSRCNNNetwork(PROFILE.stages["fsrcnn"], 4)
    lr = torch.rand(2, 3, 12, 10)
    sr = network(lr)
    bicubic = nn.functional.interpolate(lr, scale_factor=4, mode="bicubic", antialias=True)
    assert sr.shape == (2, 3, 48, 40)
    assert torch.allclose(sr[:, 0] - sr[:, 1], bicubic[:, 0] - bicubic[:, 1], atol=1e-5)
    assert torch.allclose(sr[:, 2] - sr[:, 1], bicubic[:, 2] - bicubic[:, 1], atol=1e-5)


class Edges(nn.Module):
    """In place of VGG16: something that sees more than pixels."""

    def forward(self, image: Tensor) -> Tensor:
        return image.diff(dim=-1)


def twins(**changes: Any) -> tuple[Stage, Stage]:
    settings = PROFILE.stages["srgan"]
    settings = replace(settings, training=replace(settings.training, precision="float32"), **changes)
    made = [make_stage(SRGANStage, settings, DATA, {}, seed=3)[0] for _ in range(2)]
    for stage in made:
        stage.__dict__["features"] = Edges()
    return made[0], made[1]


def cross_entropy(scores: Tensor, target: float) -> Tensor:
    return binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))


def test_a_gan_step_is_d_and_then_the_generator_on_three_losses() -> None:
    ours, twin = twins(pixel_steps=0)
    assert isinstance(twin, SRGANStage)
    nets, rates = twin.networks, ours.learning_rates
    g, d = (torch.optim.Adam(nets[name].parameters(), rates[name], (0.9, 0.999), eps=1e-8) for name in ("sr", "d"))
    before = weights(nets)
    for index in range(2):
        ours.step(index)
        lr, hr = twin.sampler.draw_pairs()
        sr = nets["sr"](lr)
        update(d, cross_entropy(nets["d"](hr), 1.0) + cross_entropy(nets["d"](sr.detach()), 0.0))
        perceptual = l1_loss(sr.diff(dim=-1), hr.diff(dim=-1))
        update(g, 1e-2 * l1_loss(sr, hr) + perceptual + 5e-3 * cross_entropy(nets["d"](sr), 1.0))
    assert_same_steps(before, ours, nets)


def test_the_pixel_phase_trains_the_generator_alone() -> None:
    ours, _ = twins(pixel_steps=2)
    before = weights(ours.networks)
    assert set(ours.step(0)) == {"l1"}
    after = weights(ours.networks)
    assert torch.equal(before["d"], after["d"])
    assert not torch.equal(before["sr"], after["sr"])
    assert set(ours.step(2)) == {"d", "pixel", "perceptual", "adversarial"}
    assert not torch.equal(before["d"], weights(ours.networks)["d"])


@pytest.mark.parametrize("steps", [0, 3])
def test_a_training_that_ends_in_the_pixel_phase_keeps_what_it_learnt(steps: int, tmp_path: Path) -> None:
    settings = PROFILE.stages["srgan"]
    settings = replace(settings, training=replace(settings.training, steps=steps), pixel_steps=5)
    stage, generator = make_stage(SRGANStage, settings, DATA, {}, seed=0)
    before = weights(stage.networks)["sr"]
    saved = train(stage, generator, tmp_path / "none").weights
    assert torch.equal(before, weights(stage.networks)["sr"]) == (steps == 0)
    assert all(torch.equal(saved["sr"][name], tensor) for name, tensor in stage.networks["sr"].state_dict().items())


def unlike_bicubic(lr: Tensor, hr: Tensor) -> float:
    return float(l1_loss(lr, nn.functional.interpolate(hr, scale_factor=0.25, mode="bicubic", antialias=True)))


def test_fine_tuning_starts_from_srgan_and_sees_degraded_pairs() -> None:
    base = trained("srgan")
    settings = replace(PROFILE.stages["srgan-paired"], pixel_steps=0)
    clean, _ = make_stage(SRGANStage, base.settings, DATA, {}, seed=3)
    stage, _ = make_stage(PairedSRGANStage, settings, DATA, {"srgan": base}, seed=3)
    assert isinstance(stage, PairedSRGANStage)
    assert isinstance(clean, SRGANStage)
    for name, network in stage.networks.items():
        assert all(torch.equal(base.weights[name][key], tensor) for key, tensor in network.state_dict().items())
    assert stage.settings == replace(base.settings, training=settings.training, pixel_steps=0)
    assert unlike_bicubic(*clean.sampler.draw_pairs()) < 0.005  # rounding, and what is beyond a patch's border
    assert unlike_bicubic(*stage.sampler.draw_pairs()) > 0.03  # blur, shift and noise
    stage.__dict__["features"] = Edges()
    before = weights(stage.networks)
    stage.step(0)
    after = weights(stage.networks)
    assert all(not torch.equal(before[name], after[name]) for name in ("sr", "d"))


def test_the_method_enlarges_by_the_last_stage() -> None:
    base = trained("srgan")
    finer = TrainedStage(PROFILE.stages["srgan-paired"], {"sr": {k: 2 * w for k, w in base.weights["sr"].items()}}, 4)
    lr = torch.rand(1, 3, 20, 24)
    first, second = (SRGAN.from_stages(stages, 4)(lr) for stages in ({"srgan": base}, {"srgan": base, "srgan-paired": finer}))
    assert first.shape == second.shape == (1, 3, 80, 96)
    assert not torch.equal(first, second)


def test_a_guessing_discriminator_has_the_loss_that_the_health_check_looks_for() -> None:
    blind = torch.zeros(4, 1)
    assert SRGANStage.guessing_loss == pytest.approx(float(cross_entropy(blind, 1.0) + cross_entropy(blind, 0.0)))


def test_another_patch_size_is_refused() -> None:
    for stage in ("srgan", "srgan-paired"):
        with pytest.raises(UsageError, match="patch_size must be 32"):
            load_profile("smoke", [f"stages.{stage}.training.patch_size=24"])


def tapped(features: nn.Sequential, layer: str, image: Tensor) -> Tensor:
    """What a convolution of torchvision's network makes of an image, found by counting blocks and places in them."""
    published = VGG16_Weights.IMAGENET1K_V1.transforms()
    block, place = 1, 0
    made = normalize(image, published.mean, published.std)
    for module in features:
        made = module(made.clone())  # its activations overwrite what they are given
        place += isinstance(module, nn.Conv2d)
        if isinstance(module, nn.MaxPool2d):
            block, place = block + 1, 0
        if isinstance(module, nn.Conv2d) and f"conv{block}_{place}" == layer:
            return made
    raise AssertionError(layer)


@pytest.mark.network
@pytest.mark.parametrize("layer", VGG_LAYERS["vgg16"])
def test_features_are_those_of_torchvisions_vgg16(layer: str) -> None:
    arrays = read_arrays(fetch(load_weight_card("lpips-vgg"))["trunk"])
    (layers,) = (layers for name, layers in arrays.items() if not name.startswith("NetLinLayer"))
    network = make_layers(cfgs["D"]).eval()
    convolutions = [module for module in network if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for index, module in enumerate(convolutions):
            module.weight.copy_(torch.from_numpy(layers[f"Conv_{index}"]["kernel"].transpose(3, 2, 0, 1).copy()))
            assert module.bias is not None
            module.bias.copy_(torch.from_numpy(layers[f"Conv_{index}"]["bias"].copy()))
    image = torch.rand(2, 3, 64, 64)
    features = VGGFeatures("vgg16", layer)
    assert torch.allclose(features(image), tapped(network, layer, image), atol=1e-3, rtol=1e-4)
    assert not any(parameter.requires_grad for parameter in features.parameters())


def test_features_are_those_of_torchvisions_vgg19(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_layers(cfgs["E"]).eval()
    path = tmp_path / "vgg19-dcbb9e9d.pth"
    state = {f"features.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({**state, "classifier.0.bias": torch.zeros(1)}, path)
    asked: list[str] = []
    monkeypatch.setattr("benchmarks.training.networks.vgg.fetch", lambda card: asked.append(card.name) or {"trunk": path})
    image = torch.rand(1, 3, 48, 48)
    with torch.no_grad():
        for layer in VGG_LAYERS["vgg19"]:
            assert torch.allclose(VGGFeatures("vgg19", layer)(image), tapped(network, layer, image), atol=1e-5), layer
    assert set(asked) == {"vgg19"}


def test_the_network_of_the_loss_is_a_setting_that_the_cell_names() -> None:
    cells = {cell.label: cell for cell in make_plan(load_profile("paper"), ["srgan-paired"]) if cell.kind == "train"}
    assert list(cells["srgan"].settings.weights) == list(cells["srgan-paired"].settings.weights) == ["vgg19"]
    other = ["stages.srgan.vgg=vgg16", "stages.srgan.vgg_layer=conv5_3"]
    cells = {cell.label: cell for cell in make_plan(load_profile("paper", other), ["srgan-paired"]) if cell.kind == "train"}
    assert list(cells["srgan-paired"].settings.weights) == ["lpips-vgg"]
    with pytest.raises(UsageError, match="vgg_layer conv5_4: vgg16 has conv2_2, conv3_3, conv4_3, conv5_3"):
        load_profile("paper", other[:1])
