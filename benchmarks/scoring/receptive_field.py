"""Receptive fields of networks, for tiled inference."""

from __future__ import annotations

from torch import nn


def receptive_field(*networks: nn.Module) -> int:
    """Side, in LR pixels, of the square that an output pixel of a chain of networks depends on at most.

    The reach of every convolution and mean is added up as if each worked at LR size and followed the layer before: exact for a
    chain of layers, an upper bound for branches and for layers after an enlargement. Not valid for networks that shrink images.
    """
    layers = (layer for network in networks for layer in network.modules())
    return 1 + 2 * sum(_reach(layer) for layer in layers)


def _reach(layer: nn.Module) -> int:
    if isinstance(layer, nn.ConvTranspose2d):
        return (layer.kernel_size[0] // 2 + layer.stride[0] - 1) // layer.stride[0]
    if isinstance(layer, nn.Conv2d):
        return layer.kernel_size[0] // 2 * layer.dilation[0]
    if isinstance(layer, nn.AvgPool2d):
        size = layer.kernel_size
        return (size if isinstance(size, int) else size[0]) // 2
    return 0
