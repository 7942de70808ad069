"""Convolution weights out of ncnn model files: ``.param`` (text, the graph) and ``.bin`` (the weights in graph order).

The format is that of ncnn's documentation ("param and model file structure"). Only convolutions may have weights.
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
FIRST_ARRAY = -23300  # an array's key is this less its number
WEIGHTLESS = {"BinaryOp", "Concat", "Eltwise", "Input", "Interp", "Split"}

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A line of the graph.

    Attributes:
        kind: as ncnn names it.
        inputs: the names of the blobs it takes, each made by an earlier layer.
        outputs: the names of the blobs it makes.
        parameters: by ncnn's numbers, those of arrays included; what is left out has ncnn's default.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: dict[int, tuple[float, ...]]

    def number(self, key: int, default: int = 0) -> int:
        """An integer parameter. Raises ValueError where it is another number."""
        value, *others = self.parameters.get(key, (default,))
        if others or not float(value).is_integer() or abs(value) > LARGEST:
            raise ValueError(f"parameter {key} of a {self.kind} is {value}, not an integer of 32 bits")
        return int(value)


@dataclass(frozen=True)
class Convolution:
    """A square convolution.

    Attributes:
        weight: ``(outputs, inputs, kernel, kernel)``.
        bias: ``(outputs,)``; zeros where the graph has none.
    """

    weight: Weights
    bias: Weights


def read_graph(path: Path) -> list[Layer]:
    """The layers of a ``.param`` file, in order.

    Raises:
        UsageError: the file is unreadable, damaged or not ncnn's, or has a kind of layer that is not known here.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        if lines[:1] != [MAGIC]:
            raise ValueError(f"its first line is not {MAGIC}")
        layers = [_layer(line, place) for place, line in enumerate(lines[2:], start=3) if line.strip()]
        if lines[1:2] != [f"{len(layers)} {sum(len(layer.outputs) for layer in layers)}"]:
            raise ValueError("its second line does not count its layers and blobs")
        _check_order(layers)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a whole ncnn graph ({error}): delete it, and it is fetched again") from error
    return layers


def _layer(line: str, place: int) -> Layer:
    try:
        kind, _, inputs, outputs, *rest = line.split()
        blobs = int(inputs) + int(outputs)
        layer = Layer(kind, tuple(rest[: int(inputs)]), tuple(rest[int(inputs) : blobs]), dict(map(_parameter, rest[blobs:])))
        if (len(layer.inputs), len(layer.outputs)) != (int(inputs), int(outputs)):
            raise ValueError
    except ValueError as error:
        raise ValueError(f"line {place} is no layer: {line[:40]!r}") from error
    if kind not in WEIGHTLESS and kind != "Convolution":
        raise ValueError(f"line {place} is a {kind[:40]!r}, which is not known here")
    return layer


def _parameter(text: str) -> tuple[int, tuple[float, ...]]:
    """``key=number``, or for an array ``key=length,number,number``."""
    key, value = text.split("=")
    if int(key) > FIRST_ARRAY:
        return int(key), (float(value),)
    length, *numbers = value.split(",")
    if len(numbers) != int(length):
        raise ValueError
    return FIRST_ARRAY - int(key), tuple(float(number) for number in numbers)


def _check_order(layers: list[Layer]) -> None:
    made: set[str] = set()
    for layer in layers:
        for name in set(layer.inputs) - made:
            raise ValueError(f"a {layer.kind} takes {name[:40]!r}, which no layer before it makes")
        made.update(layer.outputs)


def read_convolutions(layers: list[Layer], path: Path) -> list[Convolution]:
    """The weights of all convolutions of a graph, in order, from its ``.bin`` file.

    Raises:
        UsageError: the file is unreadable, shorter or longer than the graph says, or holds quantised weights.
    """
    try:
        return list(_convolutions(layers, path.read_bytes()))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not the weights of its graph ({error}): delete it, and it is fetched again") from error


def _convolutions(layers: list[Layer], content: bytes) -> Iterator[Convolution]:
    place = 0
    for layer in (layer for layer in layers if layer.kind == "Convolution"):
        shape, size = _shape(layer), layer.number(6)
        tag = int(_numbers(content, place, 1, "<u4")[0])
        if tag not in (FLOAT16, FLOAT32):
            raise ValueError(f"tag {tag:#x} at byte {place}: only float16 and float32 are read")
        weight = _numbers(content, place + 4, size, "<f2" if tag == FLOAT16 else "<f4")
        place += 4 + -(-weight.nbytes // ALIGNMENT) * ALIGNMENT
        bias = np.zeros(shape[0], np.float32)
        if layer.number(5):
            bias[:] = _numbers(content, place, shape[0], "<f4")
            place += bias.nbytes
        yield Convolution(weight.astype(np.float32).reshape(shape), bias)
    if place != len(content):
        raise ValueError(f"{len(content)} bytes, {place} expected")


def _shape(layer: Layer) -> tuple[int, int, int, int]:
    outputs, kernel, size = layer.number(0), layer.number(1), layer.number(6)
    if min(outputs, kernel, size) < 1 or layer.number(11, kernel) != kernel or size % (outputs * kernel * kernel):
        raise ValueError(f"{size} weights are no square convolution with {outputs} outputs and kernel {kernel}")
    return outputs, size // (outputs * kernel * kernel), kernel, kernel


def _numbers(content: bytes, place: int, count: int, kind: str) -> NDArray[np.generic]:
    end = place + count * np.dtype(kind).itemsize
    if end > len(content):
        raise ValueError(f"ends at byte {len(content)}, {end} expected at least")
    return np.frombuffer(content, kind, count, place)
