"""Reader of ncnn models: ``.param`` (the graph, as text) and ``.bin`` (weights of convolutions, in the order of the graph).

The format is described in ncnn's documentation ("param and model file structure"). Layers with weights must be convolutions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.core.errors import UsageError

MAGIC = "7767517"
FLOAT16, FLOAT32 = 0x01306B47, 0  # tags before a blob of weights
ALIGNMENT = 4  # bytes
LARGEST = 2**31 - 1
FIRST_ARRAY = -23300  # the key of array parameter n is this number less n
WEIGHTLESS = {"BinaryOp", "Concat", "Eltwise", "Input", "Interp", "Split"}

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A line of the graph.

    Attributes:
        kind: ncnn's name of the layer's type.
        inputs: names of the input blobs, each computed by an earlier layer.
        outputs: names of the output blobs.
        parameters: parameters by ncnn's numbers, arrays included; a parameter that is left out has ncnn's default.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: dict[int, tuple[float, ...]]

    def number(self, key: int, default: int = 0) -> int:
        """Integer parameter. Raises ValueError if the parameter is not an integer."""
        value, *others = self.parameters.get(key, (default,))
        if others or not float(value).is_integer() or abs(value) > LARGEST:
            raise ValueError(f"parameter {key} of a {self.kind} is {value}, not an integer of 32 bits")
        return int(value)


@dataclass(frozen=True)
class Convolution:
    """A square convolution.

    Attributes:
        weight: ``(outputs, inputs, kernel, kernel)``.
        bias: ``(outputs,)``; zeros if the layer has no bias.
    """

    weight: Weights
    bias: Weights


def read_graph(path: Path) -> list[Layer]:
    """Read the layers of a ``.param`` file, in order.

    Raises:
        UsageError: the file is unreadable, damaged or not of ncnn, or has an unknown kind of layer.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        if lines[:1] != [MAGIC]:
            raise ValueError(f"its first line is not {MAGIC}")
        layers = [_layer(line, number) for number, line in enumerate(lines[2:], start=3) if line.strip()]
        if lines[1:2] != [f"{len(layers)} {sum(len(layer.outputs) for layer in layers)}"]:
            raise ValueError("its second line does not count its layers and blobs")
        _check_order(layers)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a whole ncnn graph ({error}): delete it, and it is fetched again") from error
    return layers


def _layer(line: str, number: int) -> Layer:
    try:
        kind, _, inputs, outputs, *rest = line.split()
        blobs = int(inputs) + int(outputs)
        layer = Layer(kind, tuple(rest[: int(inputs)]), tuple(rest[int(inputs) : blobs]), dict(map(_parameter, rest[blobs:])))
        if (len(layer.inputs), len(layer.outputs)) != (int(inputs), int(outputs)):
            raise ValueError
    except ValueError as error:
        raise ValueError(f"line {number} is not a layer: {line[:40]!r}") from error
    if kind not in WEIGHTLESS and kind != "Convolution":
        known = ", ".join(sorted({*WEIGHTLESS, "Convolution"}))
        raise ValueError(f"line {number} is a {kind[:40]!r}; known are {known}")
    return layer


def _parameter(text: str) -> tuple[int, tuple[float, ...]]:
    """Key and numbers of a parameter, ``key=number`` or for an array ``key=length,number,number``."""
    key, value = text.split("=")
    if int(key) > FIRST_ARRAY:
        return int(key), (float(value),)
    length, *numbers = value.split(",")
    if len(numbers) != int(length):
        raise ValueError
    return FIRST_ARRAY - int(key), tuple(float(number) for number in numbers)


def _check_order(layers: list[Layer]) -> None:
    computed: set[str] = set()
    for layer in layers:
        for name in set(layer.inputs) - computed:
            raise ValueError(f"a {layer.kind} takes {name[:40]!r}, which no earlier layer computes")
        computed.update(layer.outputs)


def read_convolutions(layers: list[Layer], path: Path) -> list[Convolution]:
    """Read the weights of all convolutions of a graph, in order, from a ``.bin`` file.

    Args:
        layers: the graph.
        path: the ``.bin`` file.

    Raises:
        UsageError: the file is unreadable, shorter or longer than the graph says, or holds quantised weights.
    """
    try:
        return list(_convolutions(layers, path.read_bytes()))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not the weights of its graph ({error}): delete it, and it is fetched again") from error


def _convolutions(layers: list[Layer], content: bytes) -> Iterator[Convolution]:
    offset = 0
    for layer in (layer for layer in layers if layer.kind == "Convolution"):
        shape, size = _shape(layer), layer.number(6)
        tag = int(_numbers(content, offset, 1, "<u4")[0])
        if tag not in (FLOAT16, FLOAT32):
            raise ValueError(f"tag {tag:#x} at byte {offset}: only float16 and float32 are read")
        weight = _numbers(content, offset + 4, size, "<f2" if tag == FLOAT16 else "<f4")
        offset += 4 + -(-weight.nbytes // ALIGNMENT) * ALIGNMENT
        bias = np.zeros(shape[0], np.float32)
        if layer.number(5):
            bias[:] = _numbers(content, offset, shape[0], "<f4")
            offset += bias.nbytes
        yield Convolution(weight.astype(np.float32).reshape(shape), bias)
    if offset != len(content):
        raise ValueError(f"{len(content)} bytes, {offset} expected")


def _shape(layer: Layer) -> tuple[int, int, int, int]:
    outputs, kernel, size = layer.number(0), layer.number(1), layer.number(6)
    if min(outputs, kernel, size) < 1 or layer.number(11, kernel) != kernel or size % (outputs * kernel * kernel):
        raise ValueError(f"{size} weights are no square convolution with {outputs} outputs and kernel {kernel}")
    return outputs, size // (outputs * kernel * kernel), kernel, kernel


def _numbers(content: bytes, offset: int, count: int, kind: str) -> NDArray[np.generic]:
    end = offset + count * np.dtype(kind).itemsize
    if end > len(content):
        raise ValueError(f"ends at byte {len(content)}, {end} expected at least")
    return np.frombuffer(content, kind, count, offset)
