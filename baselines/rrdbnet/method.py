"""RealSR and Real-ESRGAN as methods: released weights in RRDBNet.

The weights are those of ncnn models in packages of a package index. Both models take and return RGB in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest

import torch

from baselines.rrdbnet.ncnn import Convolution, Layer, read_convolutions, read_graph
from baselines.rrdbnet.network import FEATURES, GROWTH, RESIDUAL, SLOPE, RRDBNet
from benchmarks.api.method import Descriptor, TrainedStage
from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition.weights import fetch, load_weight_card
from benchmarks.scoring.network_method import NetworkMethod

SCALE = 4
BLOCKS = 23

Parameters = dict[int, tuple[float, ...]]  # parameters of a layer by ncnn's numbers
Step = tuple[str, Parameters, tuple[int, ...]]  # kind and parameters of a layer, and indices of the steps that are its inputs

LEAKY_RELU: Parameters = {9: (2.0,), 10: (SLOPE,)}  # folded into the convolution before it
SCALED_SUM: Parameters = {0: (1.0,), 1: (RESIDUAL, 1.0)}
NEAREST_X2: Parameters = {0: (1.0,), 1: (2.0,), 2: (2.0,)}


class ReleasedRRDBNet(NetworkMethod):
    """RRDBNet with released weights.

    Attributes:
        card: name of the card of the weights.
    """

    card: str

    def __init__(self) -> None:
        files = fetch(load_weight_card(self.card))
        layers = read_graph(files["param"])
        super().__init__(convert(layers, read_convolutions(layers, files["bin"]), self.card), SCALE)
        self.network.to(memory_format=torch.channels_last)  # 7 % faster on a CPU

    @property
    def descriptor(self) -> Descriptor:
        """Scale, and no receptive field: 352 convolutions reach 700 pixels, so exact tiles would be larger than most images."""
        return Descriptor(SCALE, receptive_field=None)

    @classmethod
    def from_stages(cls, stages: Mapping[str, TrainedStage], scale: int) -> ReleasedRRDBNet:
        """Build the method; there are no trained stages.

        Raises:
            UsageError: the scale is not 4.
            WeightsMissing: the weights are neither cached nor obtainable.
        """
        if scale != SCALE:
            raise UsageError(f"{cls.card}: released for x{SCALE} only, the data set has x{scale}: leave it out with --methods")
        return cls()


class RealSR(ReleasedRRDBNet):
    """RealSR with the weights trained on DF2K."""

    card = "realsr-df2k"


class RealESRGAN(ReleasedRRDBNet):
    """Real-ESRGAN x4plus."""

    card = "realesrgan-x4plus"


def convert(layers: list[Layer], convolutions: list[Convolution], name: str) -> RRDBNet:
    """Convert an ncnn model of RRDBNet to RRDBNet.

    Args:
        layers: graph of the ncnn model.
        convolutions: weights of its convolutions, in the order of the graph.
        name: name of the weights, for errors.

    Returns:
        The network with the model's weights, without gradients.

    Raises:
        UsageError: a layer of the graph, its parameters or its inputs differ from RRDBNet's.
    """
    expected = RRDBGraph()
    pairs = enumerate(zip_longest(steps(layers), expected.steps))
    differing = [index for index, (step, expected_step) in pairs if step != expected_step]
    if differing:
        reason = f"step {differing[0]} of its graph is not that of RRDBNet with {BLOCKS} blocks"
        raise UsageError(f"weights '{name}': {reason}: the card must name such a model")
    state = {}
    for key, convolution in zip(expected.names, convolutions, strict=True):
        state[f"{key}.weight"] = torch.from_numpy(convolution.weight)
        state[f"{key}.bias"] = torch.from_numpy(convolution.bias)
    network = RRDBNet(blocks=BLOCKS)
    network.load_state_dict(state)
    return network.requires_grad_(False)


def steps(layers: list[Layer]) -> list[Step]:
    """Steps of a graph: its layers without Splits, which only copy, and without the names of blobs."""
    source: dict[str, int] = {}  # index of the step that computes a blob
    graph: list[Step] = []
    for layer in layers:
        inputs = tuple(source[name] for name in layer.inputs)
        if layer.kind == "Split" and len(inputs) == 1:
            source.update(dict.fromkeys(layer.outputs, inputs[0]))
        else:
            source.update(dict.fromkeys(layer.outputs, len(graph)))
            graph.append((layer.kind, layer.parameters, inputs))
    return graph


class RRDBGraph:
    """Graph of RRDBNet as an ncnn model has it, in the order of the network's ``forward``.

    Attributes:
        steps: steps of the graph; the last step computes the output of the network.
        names: names of the convolutions in the network's state dict, in the order of the graph.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.names: list[str] = []
        first = self._convolution("conv_first", 3, FEATURES, self._step("Input", {}), activation={})
        out = first
        for block in range(BLOCKS):
            out = self._block(f"body.{block}", out)
        out = self._step("BinaryOp", {}, first, self._convolution("conv_body", FEATURES, FEATURES, out, activation={}))
        for name in ("conv_up1", "conv_up2"):
            out = self._convolution(name, FEATURES, FEATURES, self._step("Interp", NEAREST_X2, out))
        out = self._convolution("conv_hr", FEATURES, FEATURES, out)
        self._convolution("conv_last", FEATURES, 3, out, activation={})

    def _step(self, kind: str, parameters: Parameters, *sources: int) -> int:
        self.steps.append((kind, parameters, sources))
        return len(self.steps) - 1

    def _convolution(self, name: str, inputs: int, outputs: int, source: int, activation: Parameters = LEAKY_RELU) -> int:
        self.names.append(name)
        size = float(inputs * outputs * 9)
        shape = {0: (float(outputs),), 1: (3.0,), 4: (1.0,), 5: (1.0,), 6: (size,)}  # 3x3, padded by 1, with bias
        return self._step("Convolution", {**shape, **activation}, source)

    def _block(self, name: str, source: int) -> int:
        out = source
        for dense in (1, 2, 3):
            out = self._dense_block(f"{name}.rdb{dense}", out)
        return self._step("Eltwise", SCALED_SUM, out, source)

    def _dense_block(self, name: str, source: int) -> int:
        features = [source]
        for number in (1, 2, 3, 4):
            width = FEATURES + GROWTH * (number - 1)
            features.append(self._convolution(f"{name}.conv{number}", width, GROWTH, self._joined(features)))
        width = FEATURES + GROWTH * 4
        last = self._convolution(f"{name}.conv5", width, FEATURES, self._joined(features), activation={})
        return self._step("Eltwise", SCALED_SUM, last, source)

    def _joined(self, features: list[int]) -> int:
        return self._step("Concat", {}, *features) if len(features) > 1 else features[0]
