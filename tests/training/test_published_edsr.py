"""Published weights of EDSR: the names of EDSR-PyTorch's parameters, its network written down again, and refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.planning.plan import make_plan
from benchmarks.training.networks import edsr_published
from benchmarks.training.networks.edsr import EDSRNetwork
from benchmarks.training.networks.edsr_published import convert, published_edsr
from tests.helpers.stages import PROFILE

CARD = "edsr-x4-16x64"
CHANNELS, BLOCKS = 8, 2
MEAN = torch.tensor((0.4488, 0.4371, 0.4040)).view(1, 3, 1, 1)


class Block(nn.Module):
    """EDSR-PyTorch's residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(CHANNELS), nn.ReLU(), conv(CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def conv(outputs: int, inputs: int = CHANNELS) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class EDSRPyTorch(nn.Module):
    """The network of the authors' repository at x4, values from 0 to 255, its mean shift as a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(conv(CHANNELS, 3))
        self.body = nn.Sequential(*(Block() for _ in range(BLOCKS)), conv(CHANNELS))
        enlarge = nn.Sequential(conv(4 * CHANNELS), nn.PixelShuffle(2), conv(4 * CHANNELS), nn.PixelShuffle(2))
        self.tail = nn.Sequential(enlarge, conv(3))

    def forward(self, image: Tensor) -> Tensor:
        features = self.head(image - 255 * MEAN)
        out: Tensor = self.tail(features + self.body(features)) + 255 * MEAN
        return out


def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    shifts = {f"{name}.{kind}": torch.zeros(3) for name in ("sub_mean", "add_mean") for kind in ("weight", "bias")}
    return {**EDSRPyTorch().state_dict(), **shifts}


def test_the_network_with_converted_weights_is_the_authors() -> None:
    theirs = EDSRPyTorch()
    settings = replace(PROFILE.stages["edsr"], channels=CHANNELS, blocks=BLOCKS, res_scale=1.0, global_skip=False)
    ours = EDSRNetwork(settings, 4)
    ours.net.load_state_dict(convert(theirs.state_dict(), BLOCKS, CARD))
    lr = torch.rand(1, 3, 9, 7)
    torch.testing.assert_close(ours(lr), theirs(255 * lr) / 255, atol=1e-5, rtol=1e-4)


def test_a_file_is_read_without_running_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "edsr.pt"
    monkeypatch.setattr(edsr_published, "fetch", lambda card: {"sr": path})
    torch.save(state(), path)
    assert set(published_edsr(CARD, BLOCKS)) == set(convert(state(), BLOCKS, CARD))
    torch.save({"head": Path}, path)
    with pytest.raises(UsageError, match=r"edsr.pt cannot be read \(UnpicklingError\): remove it, then run again"):
        published_edsr(CARD, BLOCKS)


def test_weights_of_another_size_are_refused() -> None:
    with pytest.raises(UsageError, match="is not as in EDSR x4 with 3 blocks"):
        convert(state(), 3, CARD)
    with pytest.raises(UsageError, match=r"tail\.1\.bias is not as in"):
        convert({name: value for name, value in state().items() if name != "tail.1.bias"}, BLOCKS, CARD)


def test_the_option_is_part_of_the_cell_and_needs_the_published_size() -> None:
    fitting = ["stages.edsr.published=edsr-x4-32x256", "stages.edsr.training.steps=0"]
    cells = {cell.label: cell for cell in make_plan(load_profile("paper", fitting), ["edsr"]) if cell.kind == "train"}
    assert list(cells["edsr"].settings.weights) == ["edsr-x4-32x256"]
    plain = {cell.label: cell for cell in make_plan(load_profile("paper"), ["edsr"]) if cell.kind == "train"}
    assert plain["edsr"].settings.weights == {} and plain["edsr"].id != cells["edsr"].id
    with pytest.raises(UsageError, match=r"needs channels = 256, blocks = 32, res_scale = 0\.1, global_skip = false"):
        load_profile("demo", fitting)
