"""Stand-ins for published archives, with small images, and a copy of the project whose card names them."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.data.cards import load_dataset_card
from benchmarks.data.kinds.image_folders import ImageFolders
from benchmarks.degradations.bicubic import Bicubic
from tests.conftest import ROOT

PACKAGES = ("benchmarks", "cincgan", "baselines", "reports", "datasets")


def photograph(seed: int, side: int) -> Any:
    """A smooth picture ``(side, side, 3)`` uint8 that no other seed gives."""
    coarse = np.random.default_rng(seed).integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def write_split_images(folder: Path, card: ImageFolders, hr_side: int, test_side: int) -> None:
    """Write every file of a card to ``folder / <archive>``; LR images are the bicubic downscale of their HR images."""
    for hr_set, lr_set, side in (
        (card.pairs_hr, card.pairs_lr, hr_side),
        (card.validation_hr, card.validation_lr, hr_side),
        (card.test_hr, card.test_lr, test_side),
    ):
        if hr_set is None:
            continue
        for index, name in enumerate(hr_set.names):
            hr = photograph(int("".join(re.findall(r"\d+", name))[:6]), side)
            save(hr, folder / hr_set.archive / name)
            if lr_set:
                save(Bicubic().degrade(hr, card.scale, name), folder / lr_set.archive / lr_set.names[index])


def save(pixels: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=1)


def zip_folder(folder: Path, archive: Path, top: str) -> None:
    """Pack a folder's files under the folder ``top``."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.iterdir()):
            file.write(path, f"{top}/{path.name}")


def serve_card(name: str, where: Path, hr_side: int = 96, test_side: int = 160) -> ImageFolders:
    """Make ``where / "served"`` hold stand-ins for all archives of a card. Returns the card."""
    card = load_dataset_card(name)
    assert isinstance(card, ImageFolders)
    write_split_images(where / "unpacked", card, hr_side, test_side)
    for archive in card.archives:
        zip_folder(where / "unpacked" / archive.name, where / "served" / f"{archive.name}.zip", archive.inside or archive.name)
    return card


def copy_project(where: Path, url: str, card: ImageFolders, served: Path) -> Path:
    """Copy the project, with a card that names the stand-ins in ``served`` at ``url``."""
    copied = where / "project"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copied / package, ignore=shutil.ignore_patterns("__pycache__"))
    path = copied / "datasets" / f"{card.name}.toml"
    head, *blocks = path.read_text(encoding="utf-8").split("[[archives]]\n")
    for archive in card.archives:
        content = (served / f"{archive.name}.zip").read_bytes()
        head += "[[archives]]\n" + "\n".join(
            (
                f"name = {json.dumps(archive.name)}",
                f"urls = {json.dumps([f'http://127.0.0.1:1/{archive.name}.zip', f'{url}/{archive.name}.zip'])}",
                f"bytes = {len(content)}",
                f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
                f"inside = {json.dumps(archive.inside)}\n\n",
            )
        )
    assert len(blocks) == len(card.archives)
    path.write_text(head, encoding="utf-8")
    return copied


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Web server of a folder on the loopback interface. Yields its address and the list of requested paths."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
