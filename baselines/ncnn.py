"""Convolution weights out of ncnn model files: ``.param`` (text, the graph) and ``.bin`` (the weights in graph order).

The format is that of ncnn's documentation ("param and model file structure"). Nothing but plain convolutions is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import UsageError

MAGIC = "7767517"
FLOAT16, FLOAT32 = 0x01306B47, 0  # tags before a blob of weights
ALIGNMENT = 4  # bytes
LEAKY_RELU = 2  # ncnn's number of the activation

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A line of the graph: its kind and its parameters by ncnn's numbers, as text."""

    kind: str
    parameters: dict[int, str]

    def number(self, key: int, default: int = 0) -> int:
        """An integer parameter."""
        return int(self.parameters.get(key, default))


@dataclass(frozen=True)
class Convolution:
    """A square convolution.

    Attributes:
        weight: ``(outputs, inputs, kernel, kernel)``.
        bias: ``(outputs,)``.
        slope: of the LeakyReLU after it; 1 where there is none.
    """

    weight: Weights
    bias: Weights
    slope: float


def read_graph(path: Path) -> list[Layer]:
    """The layers of a ``.param`` file, in order. Raises UsageError where it is not one."""
    try:
        magic, counts, *lines = path.read_text(encoding="ascii").splitlines()
        if magic.strip() != MAGIC:
            raise ValueError(f"starts with {magic[:20]!r}, not with {MAGIC}")
        layers = [_layer(line) for line in lines if line.strip()]
        if len(layers) != int(counts.split()[0]):
            raise ValueError(f"{len(layers)} layers, {counts.split()[0]} announced")
    except (OSError, ValueError, IndexError) as error:
        raise UsageError(f"{path}: not a whole ncnn graph ({error}): delete it, and it is fetched again") from error
    return layers


def _layer(line: str) -> Layer:
    kind, _, inputs, outputs, *rest = line.split()
    parameters = rest[int(inputs) + int(outputs) :]
    return Layer(kind, {int(key): value for key, value in (parameter.split("=") for parameter in parameters)})


def read_convolutions(layers: list[Layer], path: Path) -> list[Convolution]:
    """The weights of all convolutions of a graph, in order, from its ``.bin`` file.

    Raises:
        UsageError: the file is shorter or longer than the graph says, or holds quantised weights.
    """
    try:
        content = memoryview(path.read_bytes())
        found = list(_convolutions(layers, content))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not the weights of its graph ({error}): delete it, and it is fetched again") from error
    return found


def _convolutions(layers: list[Layer], content: memoryview) -> Iterator[Convolution]:
    place = 0
    for layer in (layer for layer in layers if layer.kind == "Convolution"):
        outputs, kernel, size = layer.number(0), layer.number(1), layer.number(6)
        tag = int(_numbers(content, place, 1, "<u4")[0])
        if tag not in (FLOAT16, FLOAT32):
            raise ValueError(f"tag {tag:#x} at byte {place}: only float16 and float32 are read")
        weight = _numbers(content, place + 4, size, "<f2" if tag == FLOAT16 else "<f4")
        place += 4 + -(-weight.nbytes // ALIGNMENT) * ALIGNMENT
        bias = _numbers(content, place, outputs if layer.number(5) else 0, "<f4").astype(np.float32)
        place += bias.nbytes
        yield Convolution(weight.astype(np.float32).reshape(outputs, -1, kernel, kernel), bias, _slope(layer))
    if place != len(content):
        raise ValueError(f"{len(content)} bytes, {place} expected")


def _numbers(content: memoryview, place: int, count: int, kind: str) -> NDArray[np.generic]:
    wanted = count * np.dtype(kind).itemsize
    if place + wanted > len(content):
        raise ValueError(f"ends at byte {len(content)}, {place + wanted} expected")
    return np.frombuffer(content, kind, count, place)


def _slope(layer: Layer) -> float:
    """An activation is folded into its convolution: parameter 9 is its kind, -23310 the array of its arguments."""
    if not layer.number(9):
        return 1.0
    if layer.number(9) != LEAKY_RELU:
        raise ValueError(f"activation {layer.number(9)}: only LeakyReLU is read")
    return float(layer.parameters[-23310].split(",")[1])
