"""Learned metrics whose weights have cards: fetched on the loopback interface, equal to pyiqa's, or missing in a line."""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.catalog.metrics import METRICS, get_metric
from benchmarks.core.errors import UsageError, WeightsMissing
from benchmarks.data.acquisition import weights
from benchmarks.data.acquisition.weights import load_weight_card
from benchmarks.scoring.from_cards import card_metrics
from benchmarks.scoring.from_cards.card_metrics import CardMetric, replaced
from benchmarks.scoring.tensors import to_tensor
from tests.helpers.weight_cards import Index, empty_cards, made_up_index, only_this_index

__all__ = ["empty_cards", "made_up_index", "only_this_index"]  # fixtures

BY_CARD = [name for name, entry in METRICS.items() if entry.target.endswith(":CardMetric")]
SMALL: dict[str, Any] = {"hidden_size": 24, "mlp_dim": 48, "num_layers": 1, "num_heads": 2}  # a MUSIQ of a few kilobytes


def image(side: int = 64) -> np.typing.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (side, side + 8, 3), dtype=np.uint8)


def own_metric(name: str, **options: Any) -> Any:
    """pyiqa's own metric with random weights; no trunk is downloaded."""
    import pyiqa
    import timm
    from pyiqa.archs import maniqa_arch

    class Timm:
        create_model = staticmethod(lambda name, pretrained: timm.create_model(name, pretrained=False))

    torch.manual_seed(0)
    with replaced(maniqa_arch, "timm", Timm):
        return pyiqa.create_metric(name, device=torch.device("cpu"), pretrained=False, **options)


def write_card(cards: Path, name: str, url: str, content: bytes) -> None:
    about = dict.fromkeys(("title", "licence", "citation"), "made up")
    file = {"role": "network", "licence": "none", "url": url, "sha256": hashlib.sha256(content).hexdigest()}
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"name": name, **about}.items()]
    lines += ["[[files]]", *(f"{key} = {json.dumps(value)}" for key, value in file.items())]
    (cards / f"{name}.toml").write_text("\n".join(lines), encoding="utf-8")


def test_every_card_has_an_address_a_hash_and_a_licence() -> None:
    assert BY_CARD == ["musiq", "maniqa", "maniqa-pipal", "clipiqa", "topiq_nr", "topiq_fr"]
    for name in BY_CARD:
        card = load_weight_card(name)
        assert get_metric(name).weights == (name,) and {file.role for file in card.files} == {"network"}
        for file in card.files:
            assert file.licence and (file.sha256 or "-" in str(file.url)), "published digits are in the name where no hash is"
            assert weights._fits_name(file.sha256 or "", str(file.url)) or not file.sha256


def test_weights_are_fetched_and_score_as_pyiqas(
    index: Index, cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    own = own_metric("musiq", **SMALL)
    torch.save(own.net.state_dict(), tmp_path / "weights.pth")
    content = (tmp_path / "weights.pth").read_bytes()
    (index.folder / "files" / "musiq.pth").write_bytes(content)
    write_card(cards, "musiq", index.url.replace("/simple", "/files/musiq.pth"), content)
    monkeypatch.setitem(card_metrics.OPTIONS, "musiq", SMALL)
    before = torch.get_rng_state()
    metric = CardMetric("musiq")
    assert torch.equal(torch.get_rng_state(), before) and capfd.readouterr().out == ""
    with torch.inference_mode():
        expected = float(own(to_tensor([image()])))
    assert metric.score_batch([image()], [image()[::-1]]) == [pytest.approx(expected, abs=1e-5)], "HR is not looked at"
    assert CardMetric("musiq").score_batch([image()], [image()]) == metric.score_batch([image()], [image()])
    assert index.requests.count("/files/musiq.pth") == 1, "from the cache the second time"


def test_without_weights_a_line_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "is_offline", lambda: True)
    for name in BY_CARD:
        with pytest.raises(WeightsMissing, match=rf"weights '{name}': network is missing \(offline\): run .*prepare {name} with"):
            CardMetric(name)


def test_a_foreign_file_is_refused_in_a_line(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / "foreign.pth")
    content = (tmp_path / "foreign.pth").read_bytes()
    write_card(cards, "musiq", "http://127.0.0.1:1/musiq.pth", content)
    (tmp_path / "cache" / "weights").mkdir(parents=True)
    (tmp_path / "cache" / "weights" / "musiq.pth").write_bytes(content)
    monkeypatch.setitem(card_metrics.OPTIONS, "musiq", SMALL)
    with pytest.raises(UsageError, match=r"musiq\.pth: holds no weights of musiq .*: delete it to have it fetched again"):
        CardMetric("musiq")


class Branch(torch.nn.Module):
    """A part of an archive of weights, without a computation."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def save_archive(state: dict[str, torch.Tensor], path: Path) -> None:
    """Write weights as OpenAI does: an archive of TorchScript whose modules carry them."""
    root = Branch()
    for name, values in state.items():
        *parts, last = name.split(".")
        branch: torch.nn.Module = root
        for part in parts:
            if not hasattr(branch, part):
                branch.add_module(part, Branch())
            branch = branch.get_submodule(part)
        branch.register_buffer(last, values)
    torch.jit.script(root).save(str(path))  # type: ignore[no-untyped-call]


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of TorchScript
def test_clip_iqa_reads_an_archive_of_torchscript(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyiqa.archs.clip_model import CLIP

    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("touched the network"))
    torch.manual_seed(0)
    path = tmp_path / "cache" / "weights" / "RN50.pt"
    path.parent.mkdir(parents=True)
    save_archive(CLIP(32, 32, (1, 1, 1, 1), 64, None, 77, 49408, 64, 1, 1).state_dict(), path)
    write_card(cards, "clipiqa", "http://127.0.0.1:1/RN50.pt", path.read_bytes())
    metric = CardMetric("clipiqa")
    (score,) = metric.score_batch([image()], [image()])
    assert 0 < score < 1 and metric.score_batch([image()], [image()[::-1]]) == [score]
    assert "pkg_resources" not in sys.modules or find_spec("pkg_resources")


@pytest.mark.long
@pytest.mark.parametrize("name", ["musiq", "maniqa", "topiq_nr", "topiq_fr"])
def test_networks_of_full_size_score_as_pyiqas(name: str, cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With random weights, and no socket: trunks are part of the file."""
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("touched the network"))
    own = own_metric(name, **card_metrics.OPTIONS.get(name, {}))
    path = tmp_path / "cache" / "weights" / "network.pth"
    path.parent.mkdir(parents=True)
    torch.save({"params": own.net.state_dict()} if name.startswith("topiq") else own.net.state_dict(), path)
    write_card(cards, name, "http://127.0.0.1:1/network.pth", path.read_bytes())
    pictures = [to_tensor([image(224)])] * (2 if name == "topiq_fr" else 1)
    with torch.inference_mode():
        expected = float(own(*pictures))
    assert CardMetric(name).score_batch([image(224)], [image(224)]) == [pytest.approx(expected, abs=1e-4)]
