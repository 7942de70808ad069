"""VGG16 features for perceptual losses. VGG19, which SRGAN used, is on no package index: docs/reproduction-notes.md."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.data.weights import fetch, load_weight_card
from benchmarks.perceptual import trunk_state

CARD = "lpips-vgg"  # whose trunk is torchvision's VGG16, trained on ImageNet
LAYERS = {"conv2_2": 7, "conv3_3": 14, "conv4_3": 21, "conv5_3": 28}  # places in torchvision's ``features``
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


class VGGFeatures(nn.Module):
    """What a convolution of VGG16 makes of an image, before its activation.

    Args:
        layer: a key of ``LAYERS``.

    Raises:
        WeightsMissing: the weights are neither cached nor obtainable.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, layer: str) -> None:
        super().__init__()
        from torchvision.models import vgg16

        with torch.device("meta"):  # no random numbers drawn, no memory for the classifier
            features = vgg16(weights=None).features[: LAYERS[layer] + 1]
        state = trunk_state(
            fetch(load_weight_card(CARD))["trunk"],
            [name for name, module in features.named_modules() if isinstance(module, nn.Conv2d)],
        )
        features.load_state_dict(state, assign=True)
        self.features = features.to(memory_format=torch.channels_last)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> Tensor:
        """``(N, 3, H, W)`` RGB in [0, 1] -> ``(N, C, h, w)``."""
        found: Tensor = self.features((image - self.mean) / self.std)
        return found
