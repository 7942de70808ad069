"""Weights and checkpoints that are broken, hostile or of another cell."""

from __future__ import annotations

import hashlib
import json
import math
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save as save_arrays
from torch import Tensor, nn

from benchmarks import prepare
from benchmarks.api.method import Descriptor
from benchmarks.api.settings import TrainingSettings
from benchmarks.core.errors import BenchmarkError, TrainingCollapsed, UsageError, one_line
from benchmarks.data.acquisition.weights import cached_path, load_weight_card
from benchmarks.results.trained import load_stage
from benchmarks.scoring.evaluation import super_resolve
from benchmarks.scoring.trunks import trunk_state
from benchmarks.training.checkpoints import Progress, restore, save
from benchmarks.training.stage import Stage
from tests.fuzz.documents import training
from tests.helpers.doors import check_line, snapshot

SOUND = bytes(save_arrays({"sr/weight": np.ones((4, 4), np.float32)}))


def header(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


class Runs:
    """Content of a hostile pickle: unpickling it would make a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def tell(error: BenchmarkError) -> str:
    return check_line(f"error: {one_line(str(error))}")


BROKEN = {
    "empty": b"",
    "truncated": SOUND[:-8],
    "truncated header": SOUND[:12],
    "longer": SOUND + b"\0",
    "a header of 8 exabytes": struct.pack("<Q", 2**63 - 1) + b"{}",
    "no JSON": header(b"{"),
    "deep JSON": header(b"[" * 5000 + b"]" * 5000),
    "an unknown type": header(b'{"a":{"dtype":"X9","shape":[1],"data_offsets":[0,1]}}') + b"\0",
    "offsets outside": header(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,400]}}') + bytes(4),
    "overlapping": header(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    )
    + bytes(4),
    "a negative size": header(b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}') + bytes(4),
    "a pickle": pickle.dumps({"sr/weight": 1}),
}


def stage_folder(folder: Path, content: bytes | None, digest: str = "", **changes: Any) -> Path:
    document = {**training("fsrcnn"), "weights_digest": digest or hashlib.sha256(content or b"").hexdigest(), **changes}
    (folder / "result.json").write_text(json.dumps(document))
    if content is not None:
        (folder / "weights.safetensors").write_bytes(content)
    return folder


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_weights(kind: str, tmp_path: Path) -> None:
    before = snapshot(stage_folder(tmp_path, BROKEN[kind]))
    with pytest.raises(UsageError, match=r"corrupt weights .*recompute the cell with --force") as caught:
        load_stage(tmp_path)
    tell(caught.value)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: stage_folder(folder, None), "no weights.safetensors here"),
        (lambda folder: stage_folder(folder, SOUND, "0" * 64), "not the weights of result.json"),
        (lambda folder: stage_folder(folder, SOUND, settings={}), "are missing: add them"),
        (lambda folder: stage_folder(folder, SOUND, settings={"x": 1}), "unknown key 'x'"),
        (lambda folder: stage_folder(folder, SOUND, data={"digest": "d", "scale": 0}), "corrupt result file"),
        (lambda folder: (stage_folder(folder, SOUND) / "result.json").unlink(), "corrupt result file"),
        (lambda folder: (stage_folder(folder, None) / "weights.safetensors").mkdir(), "no weights.safetensors here"),
        (lambda folder: os.mkfifo(stage_folder(folder, None) / "weights.safetensors"), "no weights.safetensors here"),
    ],
)
def test_weights_and_results_that_do_not_fit(make: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(UsageError) as caught:
        load_stage(tmp_path)
    assert message in tell(caught.value)


@pytest.mark.parametrize("ending", ["ckpt", "pth"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_pickle_that_would_run_a_command_does_not(ending: str, protocol: int, zipped: bool, tmp_path: Path) -> None:
    mark, file = tmp_path / "ran", tmp_path / f"trunk.{ending}"
    content = pickle.dumps({"features.0.weight": Runs(mark)}, protocol)
    file.write_bytes(content)
    if zipped:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/data.pkl", content)
            archive.writestr("archive/version", "3")
    with pytest.raises(UsageError, match="holds no ImageNet trunk") as caught:
        trunk_state(file, ["0"])
    tell(caught.value)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"other weights", pickle.dumps(Runs(Path("ran")))])
def test_weights_of_another_digest_are_not_placed(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CINCGAN_OFFLINE", "1")  # as --offline, but not for the rest of this process
    file = tmp_path / cached_path(load_weight_card("lpips-alex").files[-1]).name
    file.write_bytes(content)
    monkeypatch.setattr("benchmarks.prepare.go_offline_if_asked", lambda options: None)
    assert prepare.main(["lpips-alex", "--from-archive", str(file)]) == 2
    about_trunk, about_heads = capfd.readouterr().err.splitlines()
    assert "trunk is missing" in check_line(about_trunk)
    assert f"{file}: its sha256 is {hashlib.sha256(content).hexdigest()}" in check_line(about_heads)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and not path.name.endswith(".lock")] == []


class Tiny(Stage):
    """A stage of one convolution."""

    def __init__(self) -> None:
        super().__init__(TrainingSettings(9, 1, 8, 1e-3, 5, 0.9, 0.999, 0.0, "float32"))
        self.networks = {"sr": nn.Conv2d(3, 3, 3)}
        self.optimizers = {"sr": self.adam("sr", learning_rate=1e-3)}
        self.learning_rates, self.averaged = {"sr": 1e-3}, ()

    def step(self, index: int) -> dict[str, Tensor]:
        return {}

    def probe(self) -> tuple[Tensor, Tensor]:
        return torch.zeros(1), torch.zeros(1)


def restored_state(content: bytes, path: Path) -> list[Tensor | int]:
    """Weights, random states and step after restoring a checkpoint."""
    path.write_bytes(content)
    stage, generator = Tiny(), torch.Generator()
    progress = restore(path, stage, {}, generator)
    return [*stage.networks["sr"].state_dict().values(), generator.get_state(), torch.get_rng_state(), progress.step]


@pytest.fixture(name="checkpoint")
def saved_checkpoint(tmp_path: Path) -> bytes:
    save(tmp_path / "checkpoint.pt", Tiny(), {}, torch.Generator(), Progress(3))
    return (tmp_path / "checkpoint.pt").read_bytes()


def test_checkpoints_cut_off_anywhere_and_with_any_byte_changed(checkpoint: bytes, tmp_path: Path) -> None:
    path, choose = tmp_path / "checkpoint.pt", random.Random(0)  # noqa: S311
    state = torch.get_rng_state()
    undamaged = restored_state(checkpoint, path)
    damaged = [checkpoint[: choose.randrange(len(checkpoint))] for _ in range(25)]
    for _ in range(120):
        place = choose.randrange(len(checkpoint))
        damaged.append(checkpoint[:place] + bytes([choose.randrange(256)]) + checkpoint[place + 1 :])
    refusals = 0
    for content in damaged:
        try:
            restored = restored_state(content, path)
        except UsageError as error:
            refusals += 1
            assert "delete it to train this cell from the start" in tell(error)
        else:  # the byte was one of those between the records
            assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(undamaged, restored, strict=True))
    torch.set_rng_state(state)
    assert refusals >= 25


def test_a_checkpoint_that_would_run_a_command_does_not(tmp_path: Path) -> None:
    torch.save({"networks": Runs(tmp_path / "ran")}, tmp_path / "checkpoint.pt")
    with pytest.raises(UsageError, match="corrupt checkpoint") as caught:
        restore(tmp_path / "checkpoint.pt", Tiny(), {}, torch.Generator())
    tell(caught.value)
    assert not (tmp_path / "ran").exists()


class Broken:
    """A method whose weights are no numbers."""

    descriptor = Descriptor(4, receptive_field=None)

    def __call__(self, lr: Tensor) -> Tensor:
        return (
            nn.Conv2d(3, 3, 1)
            .requires_grad_(False)
            .apply(lambda part: nn.init.constant_(part.weight, math.nan))(lr)
            .repeat_interleave(4, 2)
            .repeat_interleave(4, 3)
        )


def test_weights_that_are_no_numbers_give_no_score() -> None:
    with pytest.raises(TrainingCollapsed, match="not finite") as caught:
        super_resolve(Broken(), np.zeros((8, 8, 3), np.uint8))  # type: ignore[arg-type]
    tell(caught.value)
