"""Methods with random weights in every layer, and the distance over which their outputs depend on an input pixel."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from benchmarks.api.method import Method
from benchmarks.catalog.profiles import load_profile
from benchmarks.planning.untrained import untrained_method


@cache
def untrained(name: str, profile: str = "smoke") -> Method:
    """Method with random weights in every layer: layers that start at zero would hide missing margins of tiles."""
    torch.manual_seed(0)
    method = untrained_method(name, load_profile(profile))
    networks = [value for value in vars(method).values() if isinstance(value, nn.Module)]
    for parameter in (parameter for network in networks for parameter in network.parameters()):
        if not parameter.detach().any():
            nn.init.normal_(parameter, std=0.05)
    return method


def image(height: int, width: int) -> Tensor:
    """Random LR image, ``(1, 3, height, width)`` in [0, 1]."""
    return torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(height * 1000 + width))


def reach(method: Method, size: int) -> int:
    """Largest distance, in LR pixels, of an output pixel that changes with the middle pixel of a ``size`` x ``size`` image."""
    middle, lr = size // 2, image(size, size)
    changed = lr.clone()
    changed[..., middle, middle] = 1 - changed[..., middle, middle]
    moved = (method(lr) - method(changed)).abs().amax(dim=(0, 1)) > 0
    rows, columns = (torch.nonzero(moved.any(dim)).flatten() // method.descriptor.scale - middle for dim in (1, 0))
    return max(int(offsets.abs().max()) for offsets in (rows, columns))
