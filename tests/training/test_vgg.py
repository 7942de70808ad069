"""Features of perceptual losses against torchvision's VGG16 and VGG19."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import VGG16_Weights
from torchvision.models.vgg import cfgs, make_layers
from torchvision.transforms.functional import normalize

from benchmarks.data.acquisition.weights import fetch, load_weight_card
from benchmarks.scoring.trunks import read_arrays
from benchmarks.training.networks.vgg import VGGFeatures
from benchmarks.training.networks.vgg_layers import VGG_LAYERS


def tapped(features: nn.Sequential, layer: str, image: Tensor) -> Tensor:
    """Output of a convolution of torchvision's network, which is identified by counting blocks and convolutions in them."""
    published = VGG16_Weights.IMAGENET1K_V1.transforms()
    block, number = 1, 0
    output = normalize(image, published.mean, published.std)
    for module in features:
        output = module(output.clone())  # activations overwrite their input
        number += isinstance(module, nn.Conv2d)
        if isinstance(module, nn.MaxPool2d):
            block, number = block + 1, 0
        if isinstance(module, nn.Conv2d) and f"conv{block}_{number}" == layer:
            return output
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
