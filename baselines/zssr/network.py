"""Network of ZSSR: plain convolutions that correct the bicubically enlarged image."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from baselines.zssr.settings import ZSSRSettings


class ZSSRNetwork(nn.Module):
    """Adds the output of 3x3 convolutions without bias to its input; 8 of 64 channels have 224,640 parameters.

    The last layer starts at zero, so the network starts as bicubic interpolation.

    Args:
        settings: number of convolutions and channels.
    """

    def __init__(self, settings: ZSSRSettings) -> None:
        super().__init__()
        widths = [3, *[settings.channels] * (settings.layers - 1), 3]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.ReLU()]
        last = layers[-2]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, enlarged: Tensor) -> Tensor:
        """Correct bicubically enlarged images ``(N, 3, H, W)``, RGB in [0, 1]; same shape, not clipped."""
        correction: Tensor = self.layers(enlarged)
        return enlarged + correction
