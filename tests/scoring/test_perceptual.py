"""LPIPS: published distances, an independent implementation, and a reader of arrays that refuses other content."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image

from benchmarks.core.errors import UsageError
from benchmarks.data.acquisition.weights import card_digest, fetch, load_weight_card
from benchmarks.scoring import lpips as perceptual
from benchmarks.scoring.lpips import LPIPS, SMALLEST_SIDE, Net
from benchmarks.scoring.trunks import read_arrays

Pixels = np.typing.NDArray[np.uint8]
Metrics = dict[str, LPIPS]

PUBLISHED = {"alex": {"ex_p0": 0.7219, "ex_p1": 0.1376}, "vgg": {"ex_p0": 0.5686, "ex_p1": 0.4217}}
POOLED_BEFORE = {"alex": {1, 2}, "vgg": {2, 4, 7, 10}}
TAPPED = {"alex": (0, 1, 2, 3, 4), "vgg": (1, 3, 6, 9, 12)}

nets = pytest.mark.parametrize("net", ["alex", "vgg"])


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    return {net: LPIPS(net) for net in ("alex", "vgg")}


def noise(seed: int, height: int = 48, width: int = 64) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_hand(net: str, images: torch.Tensor) -> float:
    """LPIPS of two images ``(2, 3, H, W)`` in [0, 1], from the paper's formula and the arrays of the trunk's own file."""
    arrays = read_arrays(fetch(load_weight_card(f"lpips-{net}"))["trunk"])
    layers = arrays[{"alex": "AlexNet_0", "vgg": "VGG16_0"}[net]]
    x = (2 * images - 1 - torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)) / torch.tensor([0.458, 0.448, 0.450]).view(
        3, 1, 1
    )
    total = 0.0
    for index in range(len(layers)):
        if index in POOLED_BEFORE[net]:
            x = F.max_pool2d(x, 3 if net == "alex" else 2, 2)
        kernel = torch.tensor(layers[f"Conv_{index}"]["kernel"]).permute(3, 2, 0, 1)
        first = net == "alex" and index == 0
        padding = 2 if first else kernel.shape[-1] // 2
        x = F.relu(F.conv2d(x, kernel, torch.tensor(layers[f"Conv_{index}"]["bias"]), stride=4 if first else 1, padding=padding))
        if index in TAPPED[net]:
            a, b = F.normalize(x, dim=1)
            weights = torch.tensor(arrays[f"NetLinLayer_{TAPPED[net].index(index)}"]["Conv_0"]["kernel"]).flatten()
            total += float((weights.view(-1, 1, 1) * (a - b) ** 2).sum(0).mean())
    return total


@pytest.mark.network
@nets
@pytest.mark.parametrize("name", ["ex_p0", "ex_p1"])
def test_published_distances(metrics: Metrics, shared_data: Path, net: Net, name: str) -> None:
    folder = shared_data / "lpips_examples"
    if not folder.is_dir():
        pytest.skip(f"no images at {folder}")
    reference, other = (np.asarray(Image.open(folder / f"{stem}.png").convert("RGB")) for stem in ("ex_ref", name))
    assert metrics[net].score(other, reference) == pytest.approx(PUBLISHED[net][name], abs=1e-3)


@pytest.mark.network
@nets
def test_identical_images_are_at_zero(metrics: Metrics, net: Net) -> None:
    assert metrics[net].score(noise(0), noise(0)) == 0


@pytest.mark.network
@nets
def test_agrees_with_the_formula(metrics: Metrics, net: Net) -> None:
    pair = np.stack([noise(1), noise(2)])
    images = torch.from_numpy(pair).permute(0, 3, 1, 2).float() / 255
    assert metrics[net].score(*pair) == pytest.approx(by_hand(net, images), rel=1e-4)


@pytest.mark.network
@nets
def test_agrees_with_pyiqas_forward(metrics: Metrics, net: Net) -> None:
    sr, hr = (torch.from_numpy(noise(seed)).permute(2, 0, 1)[None].double().div(255).float() for seed in (1, 2))
    assert metrics[net].score(noise(1), noise(2)) == pytest.approx(metrics[net].network(sr, hr).item(), rel=1e-6)


@pytest.mark.network
def test_a_batch_scores_as_its_pairs_do(metrics: Metrics) -> None:
    sr, hr = [noise(1), noise(2), noise(3)], [noise(4), noise(2), noise(5)]
    singly = [metrics["alex"].score(a, b) for a, b in zip(sr, hr, strict=True)]
    assert metrics["alex"].score_batch(sr, hr) == pytest.approx(singly, rel=1e-5)
    assert metrics["alex"].score_batch([], []) == []


@pytest.mark.network
@nets
def test_sides_at_and_below_the_least(metrics: Metrics, net: Net) -> None:
    least = SMALLEST_SIDE[net]
    assert metrics[net].score(noise(1, least, least), noise(2, least, least)) > 0
    with pytest.raises(ValueError, match=f"at least {least} pixels"):
        metrics[net].score(noise(1, 64, least - 1), noise(2, 64, least - 1))


@pytest.mark.network
@pytest.mark.parametrize(
    ("sr", "hr"),
    [
        (noise(1), noise(2, 64, 48)),
        (noise(1).astype(np.float32), noise(2).astype(np.float32)),
        (noise(1)[..., :1], noise(2)[..., :1]),
        (noise(1)[..., 0], noise(2)[..., 0]),
    ],
    ids=["sizes differ", "float", "one channel", "no channels"],
)
def test_unfit_images_are_refused(metrics: Metrics, sr: Pixels, hr: Pixels) -> None:
    with pytest.raises(ValueError, match="uint8 images of one size"):
        metrics["alex"].score(sr, hr)


@pytest.mark.network
@nets
def test_building_leaves_no_trace(
    metrics: Metrics, net: Net, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: Any
) -> None:
    import torchvision
    from pyiqa.archs import lpips_arch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("touched the network"))
    before = torch.get_rng_state()
    metric = LPIPS(net)
    assert torch.equal(torch.get_rng_state(), before)
    assert lpips_arch.models is torchvision.models
    assert not any(parameter.requires_grad for parameter in metric.network.parameters()) and not metric.network.training
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_malicious_pickle_does_not_run(tmp_path: Path) -> None:
    trap, file = tmp_path / "sprung", tmp_path / "weights.ckpt"
    file.write_bytes(pickle.dumps({"AlexNet_0": Malicious(trap)}))
    with pytest.raises(pickle.UnpicklingError, match=r"refused: the file names \w+\.mkdir"):
        read_arrays(file)
    assert not trap.exists()
    pickle.loads(file.read_bytes())  # noqa: S301
    assert trap.exists(), "the trap does not work"


@pytest.mark.parametrize("opcodes", [b"cnumpy\nload\n.", b"cnumpy\nndarray.tofile\n.", b"cbuiltins\neval\n."])
def test_other_names_are_refused(tmp_path: Path, opcodes: bytes) -> None:
    (tmp_path / "weights.ckpt").write_bytes(b"\x80\x04" + opcodes)
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        read_arrays(tmp_path / "weights.ckpt")


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_are_read_as_they_were_written(tmp_path: Path, protocol: int) -> None:
    content = {"layer": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.zeros(2, np.float64)}}
    (tmp_path / "weights.ckpt").write_bytes(pickle.dumps(content, protocol))
    read = read_arrays(tmp_path / "weights.ckpt")["layer"]
    np.testing.assert_array_equal(read["kernel"], content["layer"]["kernel"])
    assert read["bias"].dtype == np.float64


def test_the_digest_depends_on_the_net() -> None:
    assert card_digest("lpips-alex") != card_digest("lpips-vgg")
    assert len(card_digest("lpips-alex")) == 64


def test_unknown_net() -> None:
    with pytest.raises(UsageError, match="did you mean 'lpips-vgg'"):
        LPIPS("vgg1")  # type: ignore[arg-type]


def test_the_digest_needs_no_heavy_import() -> None:
    code = (
        "import sys; from benchmarks.data.acquisition.weights import card_digest; card_digest('lpips-alex');"
        "print([name for name in ('torch', 'pyiqa', 'unearth', 'numpy') if name in sys.modules])"
    )
    root = Path(perceptual.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
