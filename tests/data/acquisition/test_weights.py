"""Weights from packages of a real index on the loopback interface, their cards, and the content of the files."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import stat
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.core.errors import UsageError, WeightsMissing
from benchmarks.data.acquisition import package_index
from benchmarks.data.acquisition.package_index import pip_settings
from benchmarks.data.acquisition.weights import WeightCard, cached_path, fetch, load_weight_card
from benchmarks.data.cards import dataset_names
from benchmarks.scoring.trunks import trunk_state
from tests.helpers.weight_cards import (
    CLOSED,
    HEADS,
    TRUNK,
    Index,
    empty_cards,  # noqa: F401
    left_in_cache,
    made_up_index,  # noqa: F401
    make_card,
    make_file,
    make_sdist,
    only_this_index,  # noqa: F401
    write_card,
)


def missing(card: WeightCard) -> str:
    """Message of the error that fetching the card ends with."""
    with pytest.raises(WeightsMissing) as caught:
        fetch(card)
    message = str(caught.value)
    assert "\n" not in message
    assert f"{card.files[0].sha256}" in message and str(cached_path(card.files[0])) in message
    assert caught.value.exit_code == 2
    return message


def test_takes_the_members_out_of_an_sdist_and_a_wheel(index: Index, tmp_path: Path) -> None:
    files = fetch(make_card())
    assert {role: path.read_bytes() for role, path in files.items()} == {"trunk": TRUNK, "heads": HEADS}
    assert left_in_cache(tmp_path) == ["heads.pth", "trunk.ckpt"]


def test_a_full_cache_needs_neither_network_nor_pip(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch(make_card())
    asked = len(index.requests)
    assert asked == 4
    monkeypatch.setattr(package_index, "pip_settings", lambda: pytest.fail("asked for pip's settings"))
    assert fetch(make_card()) == first
    assert len(index.requests) == asked


def test_leftovers_of_a_killed_download_are_removed(index: Index, tmp_path: Path) -> None:
    path = cached_path(make_card().files[0])
    (path.parent / f".{path.name}.download").mkdir(parents=True)
    (path.parent / f".{path.name}.download" / "made_up-1.0.tar.gz").write_bytes(b"half of it")
    (path.parent / f".{path.name}.12345.tmp").write_bytes(TRUNK[:100])
    fetch(make_card())
    assert left_in_cache(tmp_path) == ["heads.pth", "trunk.ckpt"]


def test_a_damaged_cached_file_is_fetched_again(index: Index) -> None:
    path = fetch(make_card())["trunk"]
    path.write_bytes(TRUNK[:-1])
    assert fetch(make_card())["trunk"].read_bytes() == TRUNK


def test_a_damaged_cached_file_is_not_returned_when_offline(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(make_card())["trunk"].write_bytes(b"damaged")
    monkeypatch.setenv("PIP_INDEX_URL", CLOSED)
    assert "trunk" in missing(make_card())


def test_a_file_placed_by_hand_is_enough() -> None:
    file = make_file()
    cached_path(file).parent.mkdir(parents=True)
    cached_path(file).write_bytes(TRUNK)
    assert fetch(make_card(file)) == {"trunk": cached_path(file)}


def test_wrong_hash(index: Index, tmp_path: Path) -> None:
    index.add("made-up", "made_up-1.0.tar.gz", make_sdist({"made_up-1.0/made_up/trunk.ckpt": b"other"}))
    assert hashlib.sha256(b"other").hexdigest() in missing(make_card())
    assert left_in_cache(tmp_path) == []


def test_the_index_itself_declares_another_hash(index: Index) -> None:
    sdist = make_sdist({"made_up-1.0/made_up/trunk.ckpt": TRUNK})
    index.add("made-up", "made_up-1.0.tar.gz", sdist, fragment="#sha256=" + "0" * 64)
    assert "HashMismatchError" in missing(make_card())


def test_unknown_project(index: Index) -> None:
    message = missing(make_card(make_file(project="nowhere", archive="nowhere-1.0.tar.gz")))
    assert "has no nowhere-1.0.tar.gz" in message and "404" in message


def test_other_version_only(index: Index) -> None:
    assert "has no made_up-2.0.tar.gz" in missing(make_card(make_file(version="2.0", archive="made_up-2.0.tar.gz")))


def test_an_unreachable_index(capfd: pytest.CaptureFixture[str]) -> None:
    message = missing(make_card())
    assert "ConnectError" in message and "run python -m benchmarks.prepare made-up with a network" in message
    assert capfd.readouterr() == ("", "")


def test_damaged_archive(index: Index, tmp_path: Path) -> None:
    sdist = make_sdist({"made_up-1.0/made_up/trunk.ckpt": os.urandom(1 << 16)})
    index.add("made-up", "made_up-1.0.tar.gz", sdist[: len(sdist) // 2])
    missing(make_card())
    assert left_in_cache(tmp_path) == []


def test_nothing_of_the_distribution_runs(index: Index, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    setup = f"import pathlib; pathlib.Path({str(trap)!r}).touch()".encode()
    subprocess.run([sys.executable, "-c", setup.decode()], check=True)
    assert trap.exists(), "the trap does not work"
    trap.unlink()
    members = {
        "setup.py": setup,
        "made_up/__init__.py": setup,
        "pyproject.toml": b"",
        "made_up/trunk.ckpt": TRUNK,
    }
    index.add("made-up", "made_up-1.0.tar.gz", make_sdist({f"made_up-1.0/{name}": content for name, content in members.items()}))
    assert fetch(make_card())["trunk"].read_bytes() == TRUNK
    assert not trap.exists()
    assert left_in_cache(tmp_path) == ["heads.pth", "trunk.ckpt"]


def test_a_link_is_no_member(index: Index, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(TRUNK)
    member = "made_up-1.0/made_up/trunk.ckpt"
    index.add("made-up", "made_up-1.0.tar.gz", make_sdist({}, links={member: str(tmp_path / "secret")}))
    assert "no regular file" in missing(make_card())


def test_a_link_in_a_wheel_is_no_member(index: Index) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("made_up_heads/heads.pth")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, HEADS)
    index.add("made-up-heads", "made_up_heads-1.0-py3-none-any.whl", buffer.getvalue())
    assert "no regular file" in missing(make_card(make_file("heads")))


@pytest.mark.parametrize("role", ["trunk", "heads"])
def test_a_member_by_another_path_is_not_taken(index: Index, role: str) -> None:
    assert "no regular file" in missing(make_card(make_file(role, member="trunk.ckpt")))


@pytest.mark.parametrize("limit", [100, len(TRUNK) - 1])
def test_oversize(index: Index, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(package_index, "SIZE_LIMIT", limit)
    assert f"over the limit of {limit}" in missing(make_card())


def test_an_index_out_of_reach_does_not_hide_the_next(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", CLOSED)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{CLOSED} {index.url}")
    assert fetch(make_card())["trunk"].read_bytes() == TRUNK


def test_find_links_without_an_index(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index.folder / "files"))
    assert fetch(make_card())["heads"].read_bytes() == HEADS
    assert index.requests == []


def test_no_source_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "true")
    assert "pip is set to use no index" in missing(make_card())


def test_settings_come_from_pips_files_and_the_environment_over_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = http://global.invalid\ntrusted-host =\n  one.invalid\n  two.invalid\n"
        "[install]\nindex-url = http://install.invalid\ncert = /install.pem\n[list]\nproxy = unrelated\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("PIP_CERT", "/environment.pem")
    settings = pip_settings()
    assert settings["index-url"] == "http://install.invalid"
    assert settings["cert"] == "/environment.pem"
    assert settings["trusted-host"].split() == ["one.invalid", "two.invalid"]
    assert "proxy" not in settings


def test_unreadable_certificates_are_named(index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "absent.pem"))
    assert "absent.pem cannot be read" in missing(make_card())


def test_credentials_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", CLOSED.replace("127", "user:secret@127"))
    assert "secret" not in missing(make_card())


def test_a_cache_that_cannot_be_written(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CINCGAN_CACHE", str(tmp_path / "file"))
    missing(make_card())


def test_several_at_once_download_once(index: Index) -> None:
    card = make_card(make_file())
    with ThreadPoolExecutor(4) as pool:
        paths = {files["trunk"] for files in pool.map(fetch, [card] * 4)}
    assert [path.read_bytes() for path in paths] == [TRUNK]
    assert sum("made_up-1.0.tar.gz" in path for path in index.requests) == 1


# Cards


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_the_cards(net: str) -> None:
    card = load_weight_card(f"lpips-{net}")
    assert card.name == f"lpips-{net}"
    assert [file.role for file in card.files] == ["trunk", "trunk", "heads"]
    assert card.files[0].url == f"https://download.pytorch.org/models/{cached_path(card.files[0]).name}"
    assert all(file.licence for file in card.files)
    assert card.name not in dataset_names()


def test_an_unknown_card_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'lpips-alex'"):
        load_weight_card("lpips-alx")


@pytest.mark.network
def test_the_users_own_index_has_the_heads() -> None:
    card = load_weight_card("lpips-alex")
    heads = replace(card, files=tuple(file for file in card.files if file.role == "heads"))
    assert fetch(heads)["heads"].stat().st_size == 6009


INDEX = {"project": "made_up", "version": "1.0", "archive": "made_up-1.0.tar.gz", "member": "trunk.ckpt"}
ADDRESS = {"url": "http://127.0.0.1/trunk.pth"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({**ADDRESS, **INDEX, "sha256": "0" * 64}, "trunk: give a url, or project, version, archive, member and sha256"),
        ({**ADDRESS, "member": "trunk.ckpt"}, "trunk: give a url, or project"),
        ({}, "trunk: give a url, or project"),
        (INDEX, "trunk: give a url, or project"),
        ({**INDEX, "sha256": "0" * 64, "version": ""}, "trunk: give a url, or project"),
        ({**ADDRESS, "sha256": "0" * 63}, "sha256"),
        ({"url": "ftp://127.0.0.1/trunk.pth"}, "url"),
        ({**ADDRESS, "bytes": 0}, "bytes"),
        ({**ADDRESS, "sha265": "0" * 64}, "did you mean 'sha256'"),
    ],
)
def test_cards_that_contradict_themselves_are_one_line(cards: Path, changes: dict[str, Any], message: str) -> None:
    write_card(cards, {"role": "trunk", **changes})
    with pytest.raises(UsageError) as caught:
        load_weight_card("made-up")
    assert message in str(caught.value) and str(cards / "made-up.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_needs_files_and_its_own_name(cards: Path) -> None:
    write_card(cards)
    with pytest.raises(UsageError, match="files"):
        load_weight_card("made-up")
    write_card(cards, {"role": "trunk", **ADDRESS})
    assert load_weight_card("made-up").files[0].origin == ADDRESS["url"]
    (cards / "made-up.toml").rename(cards / "other.toml")
    with pytest.raises(UsageError, match="name is 'made-up': it must be the file's, 'other'"):
        load_weight_card("other")


# What is in the files

LAYERS = ["0", "3", "10"]


def write_trunks(folder: Path, count: int = 3) -> tuple[Path, Path]:
    """Files of one trunk in two formats: torchvision's, and plain arrays."""
    shapes = [(4 + layer, 3 + layer, 3, 3) for layer in range(count)]
    kernels = [np.random.default_rng(layer).normal(size=shape).astype(np.float32) for layer, shape in enumerate(shapes)]
    biases = [np.random.default_rng(layer).normal(size=shape[0]).astype(np.float32) for layer, shape in enumerate(shapes)]
    state = {"classifier.1.weight": torch.zeros(2, 2), "classifier.1.bias": torch.zeros(2)}
    for name, kernel, bias in reversed(list(zip(LAYERS, kernels, biases, strict=False))):
        state |= {f"features.{name}.weight": torch.from_numpy(kernel), f"features.{name}.bias": torch.from_numpy(bias)}
    torch.save(state, folder / "trunk.pth")
    layers = {
        f"Conv_{layer}": {"kernel": kernel.transpose(2, 3, 1, 0).copy(), "bias": bias}
        for layer, (kernel, bias) in enumerate(zip(kernels, biases, strict=True))
    }
    (folder / "trunk.ckpt").write_bytes(pickle.dumps({"VGG16_0": layers, "NetLinLayer_0": {}}))
    return folder / "trunk.pth", folder / "trunk.ckpt"


def test_torchvisions_file_holds_the_same_trunk_as_plain_arrays(tmp_path: Path) -> None:
    states = [trunk_state(path, LAYERS) for path in write_trunks(tmp_path)]
    assert list(states[0]) == list(states[1]) == [f"{name}.{kind}" for kind in ("weight", "bias") for name in LAYERS]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert [tuple(states[0][f"{name}.weight"].shape) for name in LAYERS] == [(4, 3, 3, 3), (5, 4, 3, 3), (6, 5, 3, 3)]
    fewer = [trunk_state(path, ["a", "b"]) for path in write_trunks(tmp_path)]
    assert torch.equal(fewer[0]["b.weight"], states[0]["3.weight"]) and torch.equal(fewer[1]["b.weight"], states[0]["3.weight"])


def test_a_trunk_with_too_few_layers_is_one_line(tmp_path: Path) -> None:
    for path in write_trunks(tmp_path, 2):
        with pytest.raises(UsageError) as caught:
            trunk_state(path, LAYERS)
        assert str(caught.value) == f"{path}: has 2 convolutions of 3: delete it to have it fetched again"


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("is_zipped", [True, False])
def test_a_malicious_state_is_refused_and_does_not_run(tmp_path: Path, is_zipped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    trap, path = tmp_path / "sprung", tmp_path / "trunk.pth"
    torch.save({"features.0.weight": Malicious(trap)}, path, _use_new_zipfile_serialization=is_zipped)
    with pytest.raises(UsageError, match=r"trunk.pth: holds no ImageNet trunk") as caught:
        trunk_state(path, LAYERS)
    assert str(caught.value).endswith("delete it to have it fetched again") and not trap.exists()
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)  # which importing pyiqa sets for all of a process
    torch.load(path, weights_only=False)
    assert trap.exists(), "the trap does not work"
