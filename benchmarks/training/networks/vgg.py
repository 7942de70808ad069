"""Features of VGG16 and VGG19 for perceptual losses. Only VGG16 is on a package index: docs/reproduction-notes.md."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.data.acquisition.weights import fetch, load_weight_card
from benchmarks.scoring.trunks import trunk_state
from benchmarks.training.networks.vgg_layers import VGG_CARDS, VGG_LAYERS

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # colours of ImageNet


class VGGFeatures(nn.Module):
    """Features of VGG, trained on ImageNet: the output of a convolution before its activation.

    Args:
        network: ``vgg16`` or ``vgg19``.
        layer: name of a convolution in ``VGG_LAYERS``.

    Raises:
        WeightsMissing: the weights are neither cached nor obtainable.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: str, layer: str) -> None:
        super().__init__()
        from torchvision.models import get_model

        with torch.device("meta"):  # no random numbers drawn, no memory for the classifier
            features = get_model(network, weights=None).features[: VGG_LAYERS[network][layer] + 1]
        state = trunk_state(
            fetch(load_weight_card(VGG_CARDS[network]))["trunk"],
            [name for name, module in features.named_modules() if isinstance(module, nn.Conv2d)],
        )
        features.load_state_dict(state, assign=True)
        self.features = features.to(memory_format=torch.channels_last)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> Tensor:
        """``(N, 3, H, W)`` RGB in [0, 1] -> ``(N, C, h, w)``."""
        features: Tensor = self.features((image - self.mean) / self.std)
        return features
