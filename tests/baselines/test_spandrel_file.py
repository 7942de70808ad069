"""Checkpoints of spandrel's networks as methods: the images of our own loader, size needs, safe loading, errors of one line."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from safetensors.torch import save_file
from torch import nn

from baselines.rrdbnet.network import RRDBNet
from benchmarks import run, upscale
from benchmarks.catalog.methods import get_method, is_method, method_class
from benchmarks.catalog.profiles import load_profile
from benchmarks.core.errors import UsageError
from benchmarks.execution.compute import run_cell
from benchmarks.execution.workspace import Workspace
from benchmarks.planning.cells import Cell
from benchmarks.planning.identity import changed_inputs
from benchmarks.planning.inputs import check_inputs, weights_of
from benchmarks.planning.plan import make_plan
from reports.studies import load_evidence, make_studies
from reports.tables import group_of, in_order
from tests.helpers.basicsr import basicsr_network, needs_basicsr
from tests.helpers.doors import check_line

pytest.importorskip("spandrel")

PLAIN = ("metrics=['psnr']", "protocols=['rgb']", "shown=['rgb']")


def of_basicsr() -> nn.Module:
    return basicsr_network("rrdbnet_arch", "RRDBNet", num_in_ch=3, num_out_ch=3, num_feat=64, num_block=1, num_grow_ch=32)


def filled(network: nn.Module) -> nn.Module:
    """The network with weights that make images in [0, 1] of such images."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.05
    network.get_parameter("conv_last.bias").data.fill_(0.5)
    return network.eval()


def swin(**options: Any) -> nn.Module:
    from spandrel.architectures.SwinIR import SwinIR

    sizes = {"img_size": 16, "window_size": 8, "depths": [1], "embed_dim": 12, "num_heads": [2], "mlp_ratio": 2}
    network: nn.Module = SwinIR(**{**sizes, "upscale": 4, "img_range": 1.0, "upsampler": "pixelshuffledirect", **options})
    return network


@pytest.fixture(name="small")
def small_file(tmp_path: Path) -> Path:
    """A checkpoint of a small network, in a folder whose name has a blank and a comma."""
    path = tmp_path / "of others, x4" / "small net.pth"
    path.parent.mkdir()
    torch.manual_seed(0)
    torch.save({"params": swin().state_dict()}, path)
    return path


def method(path: Path, scale: int = 4) -> Any:
    return method_class(f"spandrel:{path}").from_stages({}, scale)


@pytest.mark.parametrize(
    "make", [lambda: RRDBNet(blocks=1), pytest.param(of_basicsr, marks=needs_basicsr)], ids=["ours", "BasicSR"]
)
@pytest.mark.parametrize("kind", [".pth", ".safetensors"])
def test_rrdbnet_gives_the_image_of_our_loader(make: Callable[[], nn.Module], kind: str, tmp_path: Path) -> None:
    state = filled(make()).state_dict()
    path = tmp_path / f"net{kind}"
    save_file(state, path) if kind == ".safetensors" else torch.save({"params_ema": state}, path)
    ours = RRDBNet(blocks=1).eval()
    ours.load_state_dict(state)
    lr = torch.rand(2, 3, 9, 14, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, sr = ours(lr), method(path)(lr)
    assert expected.std() > 0.01 and expected.min() > 0 and expected.max() < 1
    assert torch.allclose(sr, expected, rtol=0, atol=1e-4)


def test_size_needs_are_met_and_tiles_are_not_cut_unasked(small: Path) -> None:
    swinir = method(small)
    assert (swinir.descriptor.scale, swinir.descriptor.receptive_field, swinir.descriptor.tiles) == (4, None, False)
    assert swinir(torch.rand(1, 3, 5, 7)).shape == (1, 3, 20, 28), "smaller than its window"
    cell = evaluation(small, "tile=32")
    with pytest.raises(UsageError, match=r"small net.pth is a network that whole images suit better than tiles: --set tile=0$"):
        check_inputs([cell])
    check_inputs([evaluation(small, "tile=48")])


class Command:
    """A pickle that would run a command."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.mkdir, (str(self.marker),)


def scripted(path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Conv2d(3, 3, 1)), path)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pickle with code": (
        lambda path: torch.save({"params": Command(path.with_name("ran"))}, path),
        "no checkpoint that can be read safely (UnpicklingError): give a .safetensors file, or a file of torch.save",
    ),
    "TorchScript": (scripted, "no checkpoint that can be read safely"),
    "text": (lambda path: path.write_text("weights"), "no checkpoint that can be read safely"),
    "empty": (lambda path: path.write_bytes(b""), "no checkpoint that can be read safely"),
    "a tensor": (lambda path: torch.save(torch.ones(3), path), "holds Tensor, no tensors by name"),
    "nothing known": (lambda path: torch.save({"a": torch.ones(3)}, path), "spandrel recognises no network in it"),
    "damaged": (
        lambda path: torch.save({k: v for k, v in swin().state_dict().items() if "conv_after" not in k}, path),
        "spandrel recognises no network in it",
    ),
    "x2": (lambda path: torch.save(swin(upscale=2).state_dict(), path), "its network enlarges x2, the data set has x4: leave it"),
    "grey": (lambda path: torch.save(swin(in_chans=1).state_dict(), path), "1 to 1 channels) does not turn RGB images into RGB"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_files_are_refused_in_a_line_before_anything_is_computed(kind: str, tmp_path: Path) -> None:
    make, text = REFUSED[kind]
    path = tmp_path / "file.pth"
    make(path)
    with pytest.raises(UsageError) as caught:
        check_inputs([evaluation(path)])
    assert str(caught.value).startswith(f"{path}: ") and text in str(caught.value)
    check_line(f"error: {' '.join(str(caught.value).split())}")
    assert not (tmp_path / "ran").exists(), "its code was run"


def evaluation(path: Path, *changes: str) -> Cell:
    (cell,) = make_plan(load_profile("smoke", [*PLAIN, *changes]), [f"spandrel:{path}"])
    return cell


def test_the_identity_has_the_files_hash_and_spandrels_version_but_no_path(small: Path, tmp_path: Path) -> None:
    cell = evaluation(small)
    assert (cell.label, cell.file, list(cell.settings.weights)) == ("spandrel:small_net.pth", small, ["spandrel:small_net.pth"])
    assert " spandrel==0." in cell.code and weights_of([cell]) == []
    moved = tmp_path / small.name
    shutil.copy(small, moved)
    assert evaluation(moved).id == cell.id and changed_inputs(cell) == []
    torch.save({"params": swin().state_dict()}, moved)
    assert evaluation(moved).id != cell.id
    shutil.copy(moved, small)
    assert changed_inputs(cell) == [str(small)]
    with pytest.raises(UsageError, match=r"would both be the row .spandrel:small_net.pth.: rename one of them"):
        make_plan(load_profile("smoke"), [f"spandrel:{small}", f"spandrel:{moved}"])
    small.unlink()
    with pytest.raises(UsageError, match=r"small net.pth: cannot be read \(No such file or directory\)"):
        evaluation(small)
    with pytest.raises(UsageError, match="names no file: write spandrel:FILE"):
        get_method("spandrel:")


def test_a_checkpoint_is_a_row_beside_other_methods(small: Path, tmp_path: Path) -> None:
    options = run.make_parser().parse_args(["--methods", "bicubic", f"spandrel:{small}"])
    cells = make_plan(load_profile("smoke", PLAIN), options.methods)
    workspace = Workspace(tmp_path / "runs")
    for cell in cells:
        assert run_cell(cell, workspace).status == "complete"
    (study,) = make_studies(load_evidence(workspace.root))
    assert in_order(study.methods) == ["bicubic", "spandrel:small_net.pth"]
    assert is_method("spandrel:small_net.pth") and group_of("spandrel:small_net.pth") == "released"


def test_upscale_takes_a_checkpoint_of_any_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(swin(upscale=2).state_dict(), tmp_path / "x2.pth")
    PillowImage.fromarray(np.full((12, 20, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    line = [
        str(tmp_path / "photo.png"),
        "--method",
        f"spandrel:{tmp_path / 'x2.pth'}",
        "--output",
        str(tmp_path / "out"),
        "--json",
    ]
    assert upscale.main(line) == 0
    output = capsys.readouterr()
    assert json.loads(output.out)["scale"] == 2 and "sha256 " in output.err
    assert PillowImage.open(tmp_path / "out" / "photo.png").size == (40, 24)


def test_without_spandrel_the_extra_is_named(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = evaluation(small)
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(UsageError, match=r"'spandrel' is not installed: pip install 'cincgan-benchmark\[spandrel\]'"):
        check_inputs([cell])
