"""Bad image files in the two commands that read a user's images."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from benchmarks.data.pixels.decode import decode, is_turned
from tests.helpers.doors import Refused, check_line, process, refused, snapshot  # noqa: F401 - a fixture

Make = Callable[[Path], object]


def encoded(mode: str = "RGB", form: str = "PNG", size: tuple[int, int] = (40, 40), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, form, **options)
    return out.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def sixteen_bits(path: Path) -> None:
    Image.fromarray(np.zeros((40, 40), np.uint16)).save(path, "PNG")


def transparent(path: Path) -> None:
    Image.new("RGBA", (40, 40), (1, 2, 3, 128)).save(path)


def animated(path: Path) -> None:
    frames = [Image.new("RGB", (40, 40), (value, 0, 0)) for value in (0, 99)]
    frames[0].save(path, "PNG", save_all=True, append_images=frames[1:])


def unreadable(path: Path) -> None:
    path.write_bytes(encoded())
    path.chmod(0)


ZEROS = zlib.compress(bytes(1 << 24), 9)
TIFF_WITHOUT_SIZES = b"II*\x00\x08\x00\x00\x00\x01\x00\x06\x01\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"
KINDS: dict[str, tuple[Make, str]] = {
    "empty": (lambda path: path.write_bytes(b""), "cannot be decoded"),
    "text": (lambda path: path.write_text("no image"), "cannot be decoded"),
    "truncated header": (lambda path: path.write_bytes(encoded()[:20]), "cannot be decoded"),
    "truncated pixels": (lambda path: path.write_bytes(encoded()[:-30]), "cannot be decoded"),
    "truncated jpeg": (lambda path: path.write_bytes(encoded(form="JPEG")[:-200]), "cannot be decoded"),
    "wrong checksum": (lambda path: path.write_bytes(png(40, 40, chunk(b"IDAT", b"x")[:-4] + b"0000")), "cannot be decoded"),
    "no pixels": (lambda path: path.write_bytes(png(40, 40)), "cannot be decoded"),
    "no size": (lambda path: path.write_bytes(png(0, 0)), "cannot be decoded"),
    "huge by its header": (lambda path: path.write_bytes(png(2**31 - 1, 2**31 - 1)), "cannot be decoded"),
    "too large by its header": (lambda path: path.write_bytes(png(9000, 9000)), "81,000,000|9000x9000 pixels"),
    "bomb": (lambda path: path.write_bytes(png(40, 40, chunk(b"zTXt", b"a\0\0" + ZEROS * 9))), "cannot be decoded"),
    "tiff without sizes": (lambda path: path.write_bytes(TIFF_WITHOUT_SIZES), "cannot be decoded"),
    "16 bits": (sixteen_bits, "16 bits"),
    "floats": (lambda path: path.write_bytes(encoded("F", "TIFF")), "32 bits"),
    "cmyk": (lambda path: path.write_bytes(encoded("CMYK", "JPEG")), "mode CMYK"),
    "transparent": (transparent, "transparent pixels"),
    "animated": (animated, "2 frames"),
    "a gif called png": (lambda path: path.write_bytes(encoded("P", "GIF")), "none of PNG"),
    "a program": (lambda path: path.write_bytes(b"#!/bin/sh\nid\n"), "none of PNG"),
    "postscript": (lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "none of PNG"),
    "a folder": (lambda path: path.mkdir(), "a folder"),
    "a pipe": (lambda path: os.mkfifo(path), "no regular file but a device or pipe"),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "a link that leads nowhere"),
    "a link to itself": (lambda path: path.symlink_to(path), "a link that leads nowhere"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "no regular file but a device or pipe"),
    "unreadable": (unreadable, "Permission denied"),
    "another size": (lambda path: path.write_bytes(encoded(size=(40, 36))), "40x36"),
}
NAMES: dict[str, tuple[bytes, str]] = {
    "no utf-8": (b"\xff\xfe.png", "no valid UTF-8"),
    "terminal codes": (b"\x1b[2Jx.png", "cannot be printed"),
    "two lines": (b"a\nb.png", "cannot be printed"),
    "too long": (b"x" * 220 + b".png", "more than 200"),
}


@pytest.fixture(name="folders")
def made_folders(tmp_path: Path) -> Path:
    for side in ("sr", "hr"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "b.png").write_bytes(encoded())
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ["evaluate", "run"])
def test_bad_images(command: str, kind: str, folders: Path, refused: Refused) -> None:  # noqa: F811
    make, message = KINDS[kind]
    if kind == "unreadable" and os.geteuid() == 0:
        pytest.skip("root reads everything")
    if command == "run" and kind == "another size":
        pytest.skip("a single image has no pair to differ from")
    make(folders / "sr" / "a.png")
    (folders / "hr" / "a.png").write_bytes(encoded())
    if command == "evaluate":
        line = refused("evaluate", "--sr", "sr", "--hr", "hr", "--protocol", "rgb", "--threads", "1", code=1)
    else:
        (folders / "cache").mkdir()
        line = refused_run(folders)
    assert any(part in line for part in message.split("|")), line
    assert "a.png" in line or kind == "another size"


def refused_run(folders: Path) -> str:
    """Message of a refusal by ``run``, which fills its cache before it decodes but must not change the images."""
    from benchmarks.catalog.profiles import load_profile
    from benchmarks.core.errors import UsageError
    from benchmarks.data.kinds.user_folder import _sources
    from benchmarks.planning.inputs import check_inputs
    from benchmarks.planning.plan import make_plan

    _sources.cache_clear()
    before = snapshot(folders / "sr")
    with pytest.raises(UsageError) as caught:
        check_inputs(make_plan(load_profile("smoke"), ["bicubic"], ["folder"], data_dir=folders / "sr"))
    assert snapshot(folders / "sr") == before
    return check_line(f"error: {' '.join(str(caught.value).split())}")


@pytest.mark.parametrize("kind", NAMES)
def test_bad_names_of_images(kind: str, folders: Path, refused: Refused) -> None:  # noqa: F811
    name, message = NAMES[kind]
    Path(os.fsdecode(os.fsencode(folders / "sr") + b"/" + name)).write_bytes(encoded())
    refused("evaluate", "--sr", "sr", "--hr", "hr", "--protocol", "rgb", message=message)


@pytest.mark.parametrize("kind", ["truncated pixels", "a pipe", "a device", "animated"])
def test_as_a_process(kind: str, folders: Path) -> None:
    KINDS[kind][0](folders / "sr" / "a.png")
    (folders / "hr" / "a.png").write_bytes(encoded())
    before = snapshot(folders)
    done = process("evaluate", "--sr", "sr", "--hr", "hr", "--protocol", "rgb", cwd=folders)
    check_line(done.stderr, KINDS[kind][1])
    assert (done.returncode, "1 image of 1 photograph, 1 failed" in done.stdout, snapshot(folders)) == (1, True, before)


ORIENTATIONS = range(1, 9)
FORMS = ("JPEG", "PNG", "TIFF", "WEBP")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_images_are_turned_upright(orientation: int, form: str, tmp_path: Path) -> None:
    """As Pillow's own ``exif_transpose`` turns them, and as no orientation leaves them."""
    y, x = np.mgrid[:40, :24]
    stored = np.stack([x * 9, y * 6, (x + y) * 3], axis=-1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a"
    Image.fromarray(stored).save(path, form, exif=exif, **({"lossless": True} if form == "WEBP" else {}))
    with Image.open(path) as file:
        upright = np.asarray(ImageOps.exif_transpose(file).convert("RGB"))
    pixels = decode(path, "image", "replace it")
    np.testing.assert_array_equal(pixels, upright)
    assert pixels.shape == ((24, 40, 3) if orientation > 4 else (40, 24, 3))
    assert is_turned(path) == (orientation > 1)
    if form != "JPEG" and orientation == 6:
        np.testing.assert_array_equal(pixels, np.rot90(stored, -1))


@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM" + bytes(40), b"no exif at all"]
)
def test_damaged_metadata_turn_nothing(exif: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(form="JPEG", size=(40, 24), exif=exif))
    assert decode(tmp_path / "a.jpg", "image", "replace it").shape == (24, 40, 3)
    assert not is_turned(tmp_path / "a.jpg")


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientations_that_do_not_exist_turn_nothing(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "a.png").write_bytes(encoded(size=(40, 24), exif=exif))
    assert decode(tmp_path / "a.png", "image", "replace it").shape == (24, 40, 3)
    assert not is_turned(tmp_path / "a.png")
