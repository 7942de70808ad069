"""The network of FSRCNN: features, shrinking, mapping, expanding, deconvolution.

As published it enlarges luma alone; colour differences are enlarged bicubically.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from baselines.fsrcnn.settings import FSRCNNSettings

LUMA = (0.299, 0.587, 0.114)  # BT.601


def luma(image: Tensor) -> Tensor:
    """``(N, 3, H, W)`` RGB -> ``(N, 1, H, W)``, the same range."""
    return (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


class FSRCNNNetwork(nn.Module):
    """FSRCNN(d, s, m); with 56, 12, 4 it has 12,464 filter weights (paper, table 1), biases and PReLU slopes aside."""

    def __init__(self, settings: FSRCNNSettings, scale: int) -> None:
        super().__init__()
        d, s = settings.features, settings.shrunk
        self.scale = scale
        layers: list[nn.Module] = [nn.Conv2d(1, d, 5, padding=2), nn.PReLU(d), nn.Conv2d(d, s, 1), nn.PReLU(s)]
        for _ in range(settings.mappings):
            layers += [nn.Conv2d(s, s, 3, padding=1), nn.PReLU(s)]
        layers += [nn.Conv2d(s, d, 1), nn.PReLU(d)]
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=0.25)  # He et al., the slope PReLU starts with
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        enlarge = nn.ConvTranspose2d(d, 1, 9, scale, padding=4, output_padding=scale - 1)
        nn.init.normal_(enlarge.weight, std=0.001)
        nn.init.zeros_(enlarge.bias)  # type: ignore[arg-type]
        self.layers = nn.Sequential(*layers, enlarge)

    def forward(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""
        bicubic = functional.interpolate(lr.float(), scale_factor=self.scale, mode="bicubic", antialias=True)
        detail: Tensor = self.layers(luma(lr)) - luma(bicubic)
        return bicubic + detail  # the same step in R, G and B moves luma and leaves the colour differences
