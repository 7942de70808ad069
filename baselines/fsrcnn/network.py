"""Network of FSRCNN: feature extraction, shrinking, mapping, expanding, deconvolution.

As published, the network enlarges luma only; colour differences are enlarged bicubically.
"""

from __future__ import annotations

from torch import Tensor, nn

from baselines.fsrcnn.settings import FSRCNNSettings
from benchmarks.training.networks.resampling import resample

LUMA = (0.299, 0.587, 0.114)  # BT.601


def luma(image: Tensor) -> Tensor:
    """Luma ``(N, 1, H, W)`` of images ``(N, 3, H, W)`` RGB, in the same range."""
    return (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


class FSRCNNNetwork(nn.Module):
    """FSRCNN(d, s, m). FSRCNN(56, 12, 4) has 12,464 filter weights (paper, table 1), biases and PReLU slopes not counted.

    Args:
        settings: d, s and m, and whether luma has a skip connection.
        scale: HR pixels per LR pixel.
    """

    def __init__(self, settings: FSRCNNSettings, scale: int) -> None:
        super().__init__()
        d, s = settings.features, settings.shrunk
        self.scale, self.global_skip = scale, settings.global_skip
        layers: list[nn.Module] = [nn.Conv2d(1, d, 5, padding=2), nn.PReLU(d), nn.Conv2d(d, s, 1), nn.PReLU(s)]
        for _ in range(settings.mappings):
            layers += [nn.Conv2d(s, s, 3, padding=1), nn.PReLU(s)]
        layers += [nn.Conv2d(s, d, 1), nn.PReLU(d)]
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=0.25)  # He et al.; 0.25 is the initial slope of PReLU
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        enlarge = nn.ConvTranspose2d(d, 1, 9, scale, padding=4, output_padding=scale - 1)
        nn.init.normal_(enlarge.weight, std=0.0 if settings.global_skip else 0.001)
        nn.init.zeros_(enlarge.bias)  # type: ignore[arg-type]
        self.layers = nn.Sequential(*layers, enlarge)

    def forward(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` -> ``(N, 3, scale * h, scale * w)``, RGB in [0, 1]."""
        bicubic = resample(lr, self.scale)
        detail: Tensor = self.layers(luma(lr))  # equal steps of R, G and B change luma and no colour difference
        return bicubic + (detail if self.global_skip else detail - luma(bicubic))
