"""Images as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.api.image import Image

if TYPE_CHECKING:
    import torch


def to_tensor(images: Sequence[Image]) -> torch.Tensor:
    """Tensor ``(N, 3, H, W)`` float32 in [0, 1] of ``N`` images ``(H, W, 3)`` uint8."""
    import numpy as np
    import torch

    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
