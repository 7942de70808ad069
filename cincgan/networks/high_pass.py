"""The high-pass of small budgets, a named deviation from the paper."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class HighPass(nn.Module):
    """``(N, C, H, W)`` less its mean over ``window x window`` (odd) neighbours; the border is reflected."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.border = (window // 2,) * 4
        self.mean = nn.AvgPool2d(window, 1)

    def forward(self, image: Tensor) -> Tensor:
        """``(N, C, H, W)`` -> the same shape."""
        mean: Tensor = self.mean(functional.pad(image, self.border, mode="reflect"))
        return image - mean
