"""MATLAB-compatible bicubic resampling of tensors, for skip connections: the kernel and borders of the method ``bicubic``."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchmarks.degradations.imresize import resize_matrix


def resample(images: Tensor, scale: float) -> Tensor:
    """Resize images like MATLAB's ``imresize``: bicubic with a = -0.5, symmetric borders, antialiased if they shrink.

    Two products with the matrices of ``imresize``; differentiable. They stay in float32 under autocast, and on GPUs whose
    convolutions round to TF32.

    Args:
        images: ``(N, C, h, w)``, any range; nothing is clipped.
        scale: output over input size, for example 4 or 0.25.

    Returns:
        ``(N, C, ceil(h * scale), ceil(w * scale))`` float32, or float64 for float64 images.
    """
    dtype = torch.promote_types(images.dtype, torch.float32)
    rows, columns = (_matrix(length, scale).to(images.device, dtype) for length in images.shape[-2:])
    with torch.autocast(images.device.type, enabled=False):
        return rows @ images.to(dtype) @ columns.T


def _matrix(length: int, scale: float) -> Tensor:
    return torch.from_numpy(np.array(resize_matrix(length, scale)))
