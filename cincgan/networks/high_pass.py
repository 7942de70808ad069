"""High-pass filter, a deviation from the paper for small budgets."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class HighPass(nn.Module):
    """High-pass filter: images less their local means over ``window x window`` pixels; borders are reflected.

    Args:
        window: side of the window in pixels, odd.
    """

    def __init__(self, window: int) -> None:
        super().__init__()
        self.border = (window // 2,) * 4
        self.mean = nn.AvgPool2d(window, 1)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, C, H, W)`` -> the same shape."""
        mean: Tensor = self.mean(functional.pad(image, self.border, mode="reflect"))
        return image - mean
