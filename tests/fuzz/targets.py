"""Parsers of foreign files and texts, as functions of bytes that raise nothing but errors of this project.

``test_targets.py`` gives them seeded examples, ``python -m tests.fuzz.run`` gives them to a fuzzer.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from baselines.rrdbnet.ncnn import read_convolutions, read_graph
from benchmarks.catalog.dataset_kinds import KINDS
from benchmarks.catalog.methods import Variant
from benchmarks.catalog.profiles import FOLDER, ProfileFile, _merged, load_profile
from benchmarks.core.errors import BenchmarkError
from benchmarks.core.lazy import resolve
from benchmarks.core.paths import CARDS, ROOT
from benchmarks.core.strict import build, parse_toml
from benchmarks.data.acquisition import package_index
from benchmarks.data.acquisition.inspection import Inspection, Limits
from benchmarks.data.acquisition.members import open_archive, wanted_files
from benchmarks.data.acquisition.weights import WeightCard
from benchmarks.data.matching import match
from benchmarks.data.pixels.decode import decode
from benchmarks.regression.reference import default_path, read_reference
from benchmarks.results.files import read_result
from benchmarks.scoring.trunks import trunk_state
from reports.paper import Paper
from tests.fuzz.documents import GRAPH, RESULTS, weights_of
from tests.fuzz.mutation import mutate

ALLOWED = (BenchmarkError, package_index.NotObtained)

CARDS_BY_KIND: dict[str, type[Any]] = {name: resolve(entry.target) for name, entry in KINDS.items()}

Target = Callable[[bytes, Path], None]


def toml_text(data: bytes, folder: Path) -> None:
    """Any text as a profile, a card, variants and a paper."""
    try:
        parsed = parse_toml(data.decode("utf-8", "surrogateescape"))
    except ValueError:
        return
    for kind in (ProfileFile, WeightCard, Variant, Paper, *CARDS_BY_KIND.values()):
        _forgive(lambda kind=kind: build(kind, parsed, "file"))


def toml_mutated(data: bytes, folder: Path) -> None:
    """A profile, cards, variants and a paper, mutated."""
    for kind, document in _documents():
        _forgive(lambda kind=kind, document=document: build(kind, mutate(document, data), "file"))


@cache
def _documents() -> tuple[tuple[type[Any], Any], ...]:
    cards = [parse_toml((CARDS / f"{name}.toml").read_text()) for name in ("demo-photos", "div2k-track2", "folder")]
    variants = parse_toml((ROOT / "cincgan" / "ablation.toml").read_text())
    profile = {key: value for key, value in _merged("smoke").items() if key not in ("degradation", "degradations", "stages")}
    return (
        (ProfileFile, profile),
        *((CARDS_BY_KIND[card["kind"]], card) for card in cards),
        (WeightCard, parse_toml((CARDS / "weights" / "lpips-alex.toml").read_text())),
        (Variant, next(iter(variants.values()))),
        (Paper, parse_toml((ROOT / "reports" / "papers" / "cincgan.toml").read_text())),
    )


def profile_mutated(data: bytes, folder: Path) -> None:
    """A profile with its degradations and settings of stages, mutated."""
    with patch("benchmarks.catalog.profiles._merged", lambda name: mutate(_merged("smoke"), data)):
        load_profile("smoke")


def setting(data: bytes, folder: Path) -> None:
    """``--set`` with any text after a known or unknown key."""
    keys = (
        *("", "tile=", "seeds=", "metrics=", "stages.*.training.steps=", "stages.edsr.training.learning_rate="),
        *("degradations.track2-like.", "degradation="),
    )
    load_profile("smoke", [keys[data[0] % len(keys)] + data[1:].decode("utf-8", "surrogateescape")] if data else [])


def result_text(data: bytes, folder: Path) -> None:
    """Any text as a result file."""
    read_result(_file(folder, "result.json", data))


def result_mutated(data: bytes, folder: Path) -> None:
    """A run with one mutated result, through the mirror and the tables."""
    from benchmarks.tracking.entry import make_entry
    from reports.chapters import make_chapters
    from reports.page.origin import origins
    from reports.paper import load_papers
    from reports.studies import FinishedCell
    from reports.tables import to_csv

    evidence = []
    for place, document in enumerate(RESULTS):
        changed = mutate(document, data[1:]) if data and data[0] % len(RESULTS) == place else document
        evidence.append(FinishedCell(read_result(_file(folder, "result.json", json.dumps(changed).encode())), None, ""))
    for item in evidence:
        with suppress(ValueError):  # refused as no result
            make_entry(item.result)
    origins(evidence)
    for chapter in make_chapters(evidence, load_papers().values()):
        to_csv(chapter.tables)


def reference_text(data: bytes, folder: Path) -> None:
    """Any text as reference scores of the gate."""
    read_reference(_file(folder, "reference.json", data), "smoke")


def reference_mutated(data: bytes, folder: Path) -> None:
    """The committed reference, mutated, up to the verdicts."""
    from benchmarks.regression.verdicts import compare_with_reference

    path = _file(folder, "reference.json", json.dumps(mutate(_reference(), data)).encode())
    compare_with_reference(read_reference(path, "smoke"), {})


@cache
def _reference() -> Any:
    document = json.loads(default_path("smoke").read_text())
    return {**document, "entries": document["entries"][:3]}


def archive(data: bytes, folder: Path) -> None:
    """Any bytes as an archive of a data set; all files of it are read."""
    path = _file(folder, "archive", data)
    limits = Limits(members=200, member_bytes=1 << 20, total_bytes=1 << 21)
    with open_archive(path, limits) as file:
        for _, content in wanted_files(file, Inspection(path, limits, ())):
            for _ in content:
                pass


def member(data: bytes, folder: Path) -> None:
    """Any bytes as a wheel and as an sdist, of which one member is read."""
    for name in ("package.whl", "package.tar.gz"):
        _forgive(lambda name=name: package_index.read_member(_file(folder, name, data), "a/b.txt"))


def ncnn(data: bytes, folder: Path) -> None:
    """Any bytes as a graph, and as the weights of a sound one."""
    graph = _file(folder, "net.param", data)
    _forgive(lambda: read_convolutions(read_graph(graph), _file(folder, "net.bin", bytes(4000))))
    layers = read_graph(_file(folder, "sound.param", GRAPH.encode()))
    read_convolutions(layers, _file(folder, "net.bin", data))


def arrays(data: bytes, folder: Path) -> None:
    """Any bytes as pickled arrays and as torchvision's weights."""
    for name in ("trunk.ckpt", "trunk.pth"):
        _forgive(lambda name=name: trunk_state(_file(folder, name, data), ["0"]))


def image(data: bytes, folder: Path) -> None:
    """Any bytes as an image."""
    pixels = decode(_file(folder, "image.png", data), "image", "replace it")
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3


def names(data: bytes, folder: Path) -> None:
    """Two folders of files of any names, to be matched."""
    for number, (side, part) in enumerate((side, part) for side in ("sr", "hr") for part in data.split(b"/")[:6]):
        (folder / side).mkdir(exist_ok=True)
        name = part.replace(b"\x00", b"")[:200] + (b"" if number % 5 == 4 else b".png")
        try:
            Path(folder / side / name.decode("utf-8", "surrogateescape")).write_bytes(b"")
        except (OSError, ValueError):  # a name that this file system does not take
            continue
    try:
        match(folder / "sr", folder / "hr", data[1:3].decode("latin-1") if data[:1] == b"\x00" else "")
    finally:
        for path in folder.glob("*r/*"):
            if path.is_file():
                path.unlink()


def weights(data: bytes, folder: Path) -> None:
    """Any bytes as the weights of a trained stage, with a result that has their digest."""
    from benchmarks.results.trained import load_stage

    document = json.loads(json.dumps(RESULTS[-1]))
    document["weights_digest"] = hashlib.sha256(data).hexdigest()
    _file(folder, "result.json", json.dumps(document).encode())
    load_stage(_file(folder, "weights.safetensors", data).parent)


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _forgive(call: Callable[[], object]) -> None:
    try:
        call()
    except ALLOWED as error:
        assert str(error)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        *(toml_text, toml_mutated, profile_mutated, setting, result_text, result_mutated, reference_text, reference_mutated),
        *(archive, member, ncnn, arrays, image, names, weights),
    )
}


def _archives() -> list[bytes]:
    packed, tared = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a/b.txt", b"content" * 20)
    with tarfile.open(fileobj=tared, mode="w:gz") as out:
        info = tarfile.TarInfo("a/b.txt")
        info.size = 5
        out.addfile(info, io.BytesIO(b"hello"))
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as out:
        out.addfile(info, io.BytesIO(b"hello"))
    return [packed.getvalue(), tared.getvalue(), plain.getvalue()]


def _images() -> list[bytes]:
    images = []
    for mode, form in (("RGB", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("L", "TIFF"), ("RGB", "TIFF"), ("RGB", "JPEG")):
        out = io.BytesIO()
        Image.new(mode, (9, 7), 1).save(out, form)
        images.append(out.getvalue())
    for form in ("BMP", "WEBP"):
        out = io.BytesIO()
        Image.new("RGB", (9, 7)).save(out, form)
        images.append(out.getvalue())
    return images


def seeds(name: str) -> list[bytes]:
    """Sound inputs of a target, for the fuzzer to start from."""
    changes = ((0, 1, 2, 3), (0, 9, 12, 1), (1, 4, 7, 2), (0, 3, 16, 0))
    numbers = [b"\x00", *(bytes(change) for change in changes)]  # a document without a change, and some with one
    layers = {"Conv_0": {"kernel": np.ones((1, 1, 1, 1), np.float32), "bias": np.ones(1, np.float32)}}
    by_target: dict[str, Callable[[], list[bytes]]] = {
        "toml_text": lambda: [(FOLDER / "smoke.toml").read_bytes(), *(path.read_bytes() for path in CARDS.glob("*.toml"))],
        "setting": lambda: [
            b"\x01 4",
            b"\x02[1, 2]",
            b"\x03['psnr']",
            b"\x041e3",
            b"\x06seed=3",
            b"\x07bicubic",
            b"\x00stages.*=1",
        ],
        "result_text": lambda: [json.dumps(document).encode() for document in RESULTS],
        "reference_text": lambda: [json.dumps(_reference()).encode()],
        "archive": _archives,
        "member": _archives,
        "ncnn": lambda: [GRAPH.encode(), weights_of(GRAPH)],
        "arrays": lambda: [pickle.dumps({"AlexNet": layers}, protocol) for protocol in (0, 2, 4)],
        "image": _images,
        "names": lambda: [b"a/b/c", b"a_SR/b_SR", b"\x00_S/x_S", b"\xff/\xfe", b".hidden/con"],
        "weights": lambda: [_safetensors()],
    }
    return by_target.get(name, lambda: numbers)()


def _safetensors() -> bytes:
    from safetensors.numpy import save

    return bytes(save({"sr/weight": np.ones((2, 2), np.float32)}))
