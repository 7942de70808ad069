"""Weights that travel in the package: their scores are the run's, and only whole, small files are packed or loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.catalog.methods import method_class
from benchmarks.core.errors import UsageError
from benchmarks.results import pretrained
from benchmarks.scoring.evaluation import super_resolve
from benchmarks.scoring.metrics import psnr
from cincgan import CinCGAN
from tests.helpers.report_results import demo_pairs

NAMES = [(name, method) for name in pretrained.packed_names() for method in pretrained.read_card(name).methods]


@pytest.mark.parametrize(("name", "method"), NAMES)
def test_the_scores_are_those_of_the_run(name: str, method: str) -> None:
    """The run's weights were in float32. The test images are those of ``demo-photos``."""
    stages, card = pretrained.load_packed(name, method)
    network = method_class(method).from_stages(stages, card.scale)
    assert card.dataset == "demo-photos"
    scores = [psnr(super_resolve(network, pair.lr) / 255.0, pair.hr / 255.0, data_range=1.0) for pair in demo_pairs().values()]
    assert np.mean(scores) == pytest.approx(card.methods[method].scores["rgb"]["psnr"], abs=0.01)


def test_the_method_from_python() -> None:
    method = CinCGAN.pretrained()
    lr = torch.rand(1, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    assert method(lr).shape == (1, 3, 36, 44)
    assert torch.equal(method(lr), CinCGAN.pretrained("demo")(lr)), "no part has random weights"
    with pytest.raises(AttributeError):
        _ = method.g2
    with pytest.raises(UsageError, match="unknown pretrained weights 'dmeo': did you mean 'demo'"):
        CinCGAN.pretrained("dmeo")


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(pretrained.FOLDER, tmp_path / "pretrained")
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "pretrained")
    path = tmp_path / "pretrained" / "demo.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not the weights of its card: install the package again"):
        pretrained.load_packed("demo", "cincgan")
