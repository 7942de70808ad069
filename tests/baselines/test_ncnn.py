"""ncnn models and the released networks: against files written here, a direct interpreter of the graph, and ncnn itself."""

from __future__ import annotations

import re
import struct
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from baselines.rrdbnet.method import RealESRGAN, RealSR, ReleasedRRDBNet, convert
from baselines.rrdbnet.ncnn import Convolution, Layer, Weights, read_convolutions, read_graph
from baselines.rrdbnet.network import RRDBNet
from benchmarks.core.errors import UsageError, WeightsMissing
from benchmarks.data.acquisition.weights import load_weight_card

FLOAT16_TAG = b"\x47\x6b\x30\x01"
METHODS = [RealSR, RealESRGAN]
PUBLISHED_PARAMETERS = 16_697_987  # RRDBNet x4 with 23 blocks


@dataclass
class Graph:
    """Writes a ``.param`` file, with a Split after every blob that is taken more than once, as ncnn's converters do."""

    layers: list[tuple[str, list[str], str, str]] = field(default_factory=list)

    def add(self, kind: str, inputs: list[str], parameters: str = "") -> str:
        self.layers.append((kind, list(inputs), f"b{len(self.layers)}", parameters))
        return self.layers[-1][2]

    def convolution(
        self, taken: str, inputs: int, outputs: int, *, kernel: int = 3, bias: bool = True, active: bool = False
    ) -> str:
        size = inputs * outputs * kernel * kernel
        activation = " 9=2 -23310=1,2.000000e-01" if active else ""
        return self.add("Convolution", [taken], f"0={outputs} 1={kernel} 4={kernel // 2} 5={int(bias)} 6={size}{activation}")

    def text(self) -> str:
        uses = Counter(name for _, inputs, _, _ in self.layers for name in inputs)
        taken: Counter[str] = Counter()
        lines, blobs = [], 0
        for number, (kind, inputs, output, parameters) in enumerate(self.layers):
            names = []
            for name in inputs:
                names.append(f"{name}_{taken[name]}" if uses[name] > 1 else name)
                taken[name] += 1
            lines.append(f"{kind:<16} l{number} {len(names)} 1 {' '.join([*names, output])} {parameters}")
            blobs += 1
            if uses[output] > 1:
                copies = [f"{output}_{copy}" for copy in range(uses[output])]
                lines.append(f"Split s{number} 1 {len(copies)} {output} {' '.join(copies)}")
                blobs += len(copies)
        return "\n".join(["7767517", f"{len(lines)} {blobs}", *lines]) + "\n"


def rrdbnet_graph(blocks: int = 23) -> str:
    """RRDBNet as the ESRGAN paper's figures 3 and 4 draw it."""
    graph = Graph()
    first = out = graph.convolution(graph.add("Input", []), 3, 64)
    for _ in range(blocks):
        block = out
        for _ in range(3):
            features = [out]
            for width in (64, 96, 128, 160):
                joined = graph.add("Concat", features) if len(features) > 1 else out
                features.append(graph.convolution(joined, width, 32, active=True))
            last = graph.convolution(graph.add("Concat", features), 192, 64)
            out = graph.add("Eltwise", [last, out], "0=1 -23301=2,2.000000e-01,1.000000e+00")
        out = graph.add("Eltwise", [out, block], "0=1 -23301=2,2.000000e-01,1.000000e+00")
    out = graph.add("BinaryOp", [first, graph.convolution(out, 64, 64)])
    for _ in range(2):
        out = graph.convolution(graph.add("Interp", [out], "0=1 1=2.0 2=2.0"), 64, 64, active=True)
    graph.convolution(graph.convolution(out, 64, 64, active=True), 64, 3)
    return graph.text()


def stored(weight: Weights, bias: Weights | None, *, half: bool) -> bytes:
    """A convolution as ncnn stores it."""
    blob = weight.astype("<f2").tobytes() if half else weight.astype("<f4").tobytes()
    padding = b"\xee" * (-len(blob) % 4)
    return (FLOAT16_TAG if half else bytes(4)) + blob + padding + (b"" if bias is None else bias.astype("<f4").tobytes())


def interpret(layers: list[Layer], convolutions: list[Convolution], image: Tensor) -> Tensor:
    """Run a graph directly, blob by blob."""
    blobs: dict[str, Tensor] = {}
    weights = iter(convolutions)
    out = image
    for layer in layers:
        taken = [blobs[name] for name in layer.inputs]
        if layer.kind == "Convolution":
            convolution = next(weights)
            weight, bias = torch.from_numpy(convolution.weight), torch.from_numpy(convolution.bias)
            out = F.conv2d(taken[0], weight, bias, padding=layer.number(4))
            if layer.number(9) == 2:
                out = torch.where(out > 0, out, out * layer.parameters[10][0])
        elif layer.kind == "Eltwise":
            out = sum((factor * blob for factor, blob in zip(layer.parameters[1], taken, strict=True)), torch.zeros(()))
        elif layer.kind == "Interp":
            out = taken[0].repeat_interleave(layer.number(1), 2).repeat_interleave(layer.number(2), 3)
        elif layer.kind == "BinaryOp":
            out = taken[0] + taken[1]
        else:
            out = torch.cat(taken or [image], 1)  # Concat, Split or Input
        blobs.update(dict.fromkeys(layer.outputs, out))
    return out


def refused(call: Callable[[], object], *parts: object) -> str:
    """The one line that a call ends with."""
    with pytest.raises(UsageError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message and all(str(part) in message for part in parts)
    assert len(message) < 400
    return message


def placed(content: bytes | str, name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def model(folder: Path, *, half: bool = True) -> tuple[Path, Path, list[Convolution]]:
    """A small model: two convolutions, one with an odd number of weights, one without bias; and its weights."""
    graph = Graph()
    graph.convolution(graph.convolution(graph.add("Input", []), 1, 3), 3, 2, kernel=1, bias=False)
    random = np.random.default_rng(0)
    first, second = (random.normal(size=shape).astype(np.float16).astype(np.float32) for shape in ((3, 1, 3, 3), (2, 3, 1, 1)))
    bias = random.normal(size=3).astype(np.float32)
    content = stored(first, bias, half=half) + stored(second, None, half=half)
    wanted = [Convolution(first, bias), Convolution(second, np.zeros(2, np.float32))]
    return placed(graph.text(), "x.param", folder), placed(content, "x.bin", folder), wanted


@pytest.fixture(scope="module")
def graph_text() -> str:
    return rrdbnet_graph()


@given(
    shapes=st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.booleans(), st.booleans()), min_size=1, max_size=4
    ),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_weights_are_read_as_they_were_written(shapes: list[tuple[int, int, int, bool, bool]], seed: int) -> None:
    random = np.random.default_rng(seed)
    graph, content, written = Graph(), b"", []
    blob = graph.add("Input", [])
    for inputs, outputs, kernel, with_bias, half in shapes:
        blob = graph.convolution(blob, inputs, outputs, kernel=kernel, bias=with_bias)
        weight = random.normal(size=(outputs, inputs, kernel, kernel)).astype(np.float16 if half else np.float32)
        bias = random.normal(size=outputs).astype(np.float32) if with_bias else None
        content += stored(weight.astype(np.float32), bias, half=half)
        written.append((weight, np.zeros(outputs) if bias is None else bias))
    with tempfile.TemporaryDirectory() as folder:
        layers = read_graph(placed(graph.text(), "x.param", Path(folder)))
        read = read_convolutions(layers, placed(content, "x.bin", Path(folder)))
    assert len(read) == len(written)
    for convolution, (weight, wanted_bias) in zip(read, written, strict=True):
        assert convolution.weight.dtype == convolution.bias.dtype == np.float32
        np.testing.assert_array_equal(convolution.weight, weight)
        np.testing.assert_array_equal(convolution.bias, wanted_bias)


def test_the_layout_of_a_file_by_hand(tmp_path: Path) -> None:
    param = "7767517\n2 2\nInput in 0 1 a\nConvolution c 1 1 a b 0=1 1=1 5=1 6=3\n"
    content = FLOAT16_TAG + b"\x00\x3c\x00\xc0\x00\x38" + b"\0\0" + struct.pack("<f", 0.25)
    (read,) = read_convolutions(read_graph(placed(param, "x.param", tmp_path)), placed(content, "x.bin", tmp_path))
    np.testing.assert_array_equal(read.weight, np.array([1, -2, 0.5], np.float32).reshape(1, 3, 1, 1))
    np.testing.assert_array_equal(read.bias, [0.25])


@pytest.mark.parametrize("half", [True, False])
def test_every_truncated_or_longer_file_is_refused(tmp_path: Path, half: bool) -> None:
    param, path, wanted = model(tmp_path, half=half)
    layers, content = read_graph(param), path.read_bytes()
    for read, written in zip(read_convolutions(layers, path), wanted, strict=True):
        np.testing.assert_array_equal(read.weight, written.weight)
        np.testing.assert_array_equal(read.bias, written.bias)
    for damaged in (*(content[:length] for length in range(len(content))), content + b"\0", content + content):
        path.write_bytes(damaged)
        refused(lambda: read_convolutions(layers, path), path, f"{len(damaged)}", "fetched again")


@pytest.mark.parametrize("tag", [0x000D4B38, 0x0002C056, 1, 0x47])
def test_quantised_weights_are_refused(tmp_path: Path, tag: int) -> None:
    param, path, _ = model(tmp_path)
    path.write_bytes(struct.pack("<I", tag) + path.read_bytes()[4:])
    refused(lambda: read_convolutions(read_graph(param), path), f"tag {tag:#x} at byte 0", "only float16 and float32")


@pytest.mark.parametrize("changed", ["6=-27", "6=0", "6=28", "6=1e300", "6=2.5", "6=nan", "6=inf", "1=0", "0=0", "0=-3", "11=1"])
def test_impossible_sizes_are_refused(tmp_path: Path, changed: str) -> None:
    param, path, _ = model(tmp_path)
    param.write_text(param.read_text().replace(" 6=27", f" 6=27 {changed}"))
    refused(lambda: read_convolutions(read_graph(param), path), path)


@pytest.mark.parametrize(
    ("pattern", "replacement", "reason"),
    [
        ("7767517", "7767518", "first line is not 7767517"),
        (r"\A(.|\n)*\Z", "", "first line is not 7767517"),
        (r"\n3 3\n(.|\n)*", "", "second line does not count"),
        (r"\n3 3\n", "\n4 3\n", "second line does not count"),
        (r"\n3 3\n", "\n3 4\n", "second line does not count"),
        (r"Convolution      l2.*\n", "", "second line does not count"),
        ("Convolution      l2", "PReLU            l2", "line 5 is a 'PReLU'; known are BinaryOp, Concat, Convolution"),
        ("6=27", "6:27", "line 4 is not a layer"),
        ("6=27", "6=many", "line 4 is not a layer"),
        ("6=27", "6=27 -23310=2,0.2", "line 4 is not a layer"),
        (r"l1 1 1 b0 b1.*", "l1", "line 4 is not a layer"),
        (r"l1 1 1", "l1 one 1", "line 4 is not a layer"),
        (r"l2 1 1 b1", "l2 1 1 b7", "takes 'b7', which no earlier layer computes"),
        ("Input", "In\N{LATIN SMALL LETTER SHARP S}", "ascii"),
    ],
)
def test_damaged_graphs_are_refused(tmp_path: Path, pattern: str, replacement: str, reason: str) -> None:
    path, _, _ = model(tmp_path)
    damaged = re.sub(pattern, replacement, path.read_text(), count=1)
    assert damaged != path.read_text()
    path.write_bytes(damaged.encode())
    refused(lambda: read_graph(path), path, reason, "fetched again")


@given(data=st.data())
@settings(deadline=None, max_examples=300)
def test_no_damage_ends_in_another_error(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        param, path, _ = model(Path(folder))
        for file in (param, path):
            content = bytearray(file.read_bytes())
            for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
                content[place] = data.draw(st.integers(0, 255))
            file.write_bytes(content)
        try:
            read_convolutions(read_graph(param), path)
        except UsageError as error:
            assert "\n" not in str(error)


def test_absent_files(tmp_path: Path) -> None:
    refused(lambda: read_graph(tmp_path / "x.param"), tmp_path / "x.param")
    refused(lambda: read_convolutions([], tmp_path / "x.bin"), tmp_path / "x.bin")


def test_the_published_number_of_parameters() -> None:
    assert sum(parameter.numel() for parameter in RRDBNet(blocks=23).parameters()) == PUBLISHED_PARAMETERS


def test_the_converted_network_computes_what_the_graph_says(tmp_path: Path, graph_text: str) -> None:
    torch.manual_seed(0)
    source = RRDBNet(blocks=23)
    content = b""
    for module in source.modules():
        if isinstance(module, nn.Conv2d):
            assert module.bias is not None
            nn.init.normal_(module.bias, std=0.1)
            module.weight.data = module.weight.data.half().float()
            content += stored(module.weight.detach().numpy(), module.bias.detach().numpy(), half=True)
    layers = read_graph(placed(graph_text, "x.param", tmp_path))
    convolutions = read_convolutions(layers, placed(content, "x.bin", tmp_path))
    network = convert(layers, convolutions, "made-up")
    for key, values in network.state_dict().items():
        torch.testing.assert_close(values, source.state_dict()[key], rtol=0, atol=0)
    image = torch.rand(2, 3, 5, 7)
    with torch.inference_mode():
        result = network(image)
        torch.testing.assert_close(result, interpret(layers, convolutions, image), rtol=1e-4, atol=1e-5)
    assert result.shape == (2, 3, 20, 28)
    assert result.std() > 0.01


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"-23310=1,2.000000e-01", "-23310=1,1.000000e-01"),
        (r"( 5=1 6=18432) 9=2 -23310=1,2.000000e-01", r"\1"),
        (r" 6=110592", " 6=110592 9=2 -23310=1,2.000000e-01"),
        (r" 9=2 ", " 9=1 "),
        (r"-23301=2,2.000000e-01,1.000000e\+00", "-23301=2,1.000000e+00,1.000000e+00"),
        (r"-23301=2,2.000000e-01,1.000000e\+00", "-23301=2,1.000000e+00,2.000000e-01"),
        (r"(Eltwise .*) 0=1", r"\1 0=0"),
        (r"(Eltwise +\S+ 2 1) (\S+) (\S+)", r"\1 \3 \2"),
        (r"(Concat +\S+ 2 1) (\S+) (\S+)", r"\1 \3 \2"),
        (r"(BinaryOp .*)", r"\1 0=2"),
        (r"0=1 1=2.0 2=2.0", "0=2 1=2.0 2=2.0"),
        (r"0=1 1=2.0 2=2.0", "0=1 1=2.0 2=3.0"),
        (r" 4=1 ", " 4=0 "),
        (r" 4=1 ", " 3=2 4=1 "),
        (r" 4=1 ", " 2=2 4=1 "),
        (r" 1=3 4=1 5=1 6=1728", " 1=1 4=1 5=1 6=192"),
        (r"0=32 (.*) 6=18432", r"0=16 \1 6=9216"),
        (r"Interp ", "Input "),
    ],
)
def test_another_graph_is_refused(tmp_path: Path, graph_text: str, pattern: str, replacement: str) -> None:
    other = re.sub(pattern, replacement, graph_text, count=1)
    assert other != graph_text
    layers = read_graph(placed(other, "x.param", tmp_path))
    refused(lambda: convert(layers, [], "made-up"), "weights 'made-up': step", "RRDBNet with 23 blocks")


@pytest.mark.parametrize("blocks", [6, 22, 24])
def test_another_number_of_blocks_is_refused(tmp_path: Path, blocks: int) -> None:
    layers = read_graph(placed(rrdbnet_graph(blocks), "x.param", tmp_path))
    refused(lambda: convert(layers, [], "made-up"), "RRDBNet with 23 blocks")


@pytest.mark.parametrize("method", METHODS)
def test_other_scales_are_refused(method: type[ReleasedRRDBNet]) -> None:
    refused(lambda: method.from_stages({}, 2), method.card, "x4 only", "x2")


@pytest.mark.parametrize("method", METHODS)
def test_without_weights(method: type[ReleasedRRDBNet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(WeightsMissing, match=method.card):
        method.from_stages({}, 4)


@pytest.mark.parametrize("method", METHODS)
def test_the_cards(method: type[ReleasedRRDBNet]) -> None:
    card = load_weight_card(method.card)
    assert card.name == method.card
    assert [file.role for file in card.files] == ["param", "bin"]
    assert all(file.licence and file.archive.endswith("-py3-none-any.whl") for file in card.files)


def waves() -> Tensor:
    """A made-up image ``(1, 3, 12, 16)`` in [0, 1]."""
    y, x, c = np.mgrid[0:12, 0:16, 0:3]
    image = 0.5 + 0.3 * np.sin(0.9 * x + 0.4 * y + c) + 0.2 * np.cos(1.7 * y * c - 0.6 * x)
    return torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))


@dataclass(frozen=True)
class Golden:
    """Output of ncnn 1.0.20261020 for ``waves()``, in float32 on a CPU, in RGB."""

    means: list[float]
    std: float
    pixels: dict[tuple[int, int], list[float]]


GOLDEN: dict[type[ReleasedRRDBNet], Golden] = {
    RealSR: Golden(
        [0.535450, 0.498326, 0.474521],
        0.263705,
        {(7, 50): [0.362224, 0.614466, 0.752265], (40, 21): [0.641979, 0.771949, 0.406332]},
    ),
    RealESRGAN: Golden(
        [0.493379, 0.475284, 0.460570],
        0.330007,
        {(7, 50): [0.530600, 0.889678, 0.969745], (40, 21): [0.841740, 0.797773, 0.479173]},
    ),
}


@pytest.mark.network
@pytest.mark.parametrize("method", METHODS)
def test_the_released_networks_give_ncnns_output(method: type[ReleasedRRDBNet]) -> None:
    released = method.from_stages({}, 4)
    assert sum(parameter.numel() for parameter in released.network.parameters()) == PUBLISHED_PARAMETERS
    sr = released(waves())
    assert sr.shape == (1, 3, 48, 64) and sr.dtype == torch.float32
    golden = GOLDEN[method]
    np.testing.assert_allclose(sr.mean((0, 2, 3)).numpy(), golden.means, atol=1e-4)
    assert sr.std(correction=0).item() == pytest.approx(golden.std, abs=1e-4)
    for (row, column), values in golden.pixels.items():
        np.testing.assert_allclose(sr[0, :, row, column].numpy(), values, atol=1e-4)
