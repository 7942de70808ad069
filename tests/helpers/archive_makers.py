"""Sound and hostile archives, with the reasons why the hostile ones are refused."""

from __future__ import annotations

import io
import os
import stat
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

FORMATS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]
PICTURE = os.urandom(5000)
BIG = os.urandom(3 << 20)
HUGE = 1 << 30

Members = Sequence[tuple[str, bytes]]


def make_zip(members: Members) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own on names that are there twice
        for name, content in members:
            info = zipfile.ZipInfo()
            info.filename, info.compress_type = name, zipfile.ZIP_DEFLATED  # the constructor would cut the name
            archive.writestr(info, content)
    return buffer.getvalue()


def make_tar(members: Members, suffix: str = "tar") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{suffix.removeprefix('tar').removeprefix('.')}") as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.size = len(content)
            info.pax_headers = {"path": name} if "\0" in name else {}
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def make(suffix: str, members: Members) -> bytes:
    return make_zip(members) if suffix == "zip" else make_tar(members, suffix)


def tar_of(**fields: object) -> bytes:
    """A tar of one sound member and one whose header has these fields."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("sound"))
        info = tarfile.TarInfo("member")
        for name, value in fields.items():
            setattr(info, name, value)
        archive.addfile(info)
    return buffer.getvalue()


@dataclass(frozen=True)
class Record:
    """A member of a zip; every header field is free."""

    name: bytes
    data: bytes  # as stored
    size: int
    crc: int = 0
    method: int = 8
    flags: int = 0
    mode: int = 0
    offset: int | None = None  # of its local header, where it is not its own

    def local(self) -> bytes:
        fields = (self.flags, self.method, 0, 0x21, self.crc, len(self.data), self.size, len(self.name), 0)
        return struct.pack("<4sH4H3L2H", b"PK\3\4", 20, *fields) + self.name

    def central(self, offset: int) -> bytes:
        fields = (self.flags, self.method, 0, 0x21, self.crc, len(self.data), self.size, len(self.name), 0, 0, 0, 0)
        return struct.pack("<4s2H4H3L5H2L", b"PK\1\2", 20, 20, *fields, self.mode << 16, offset) + self.name


def zip_of(*records: Record) -> bytes:
    body = directory = b""
    for record in records:
        directory += record.central(len(body) if record.offset is None else record.offset)
        body += record.local() + record.data if record.offset is None else b""
    return body + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(records), len(records), len(directory), len(body), 0)


def record(name: bytes = b"member", content: bytes = PICTURE, **changes: int) -> Record:
    data = deflate(content)
    return replace(Record(name, data, len(content), zlib.crc32(content)), **changes)  # type: ignore[arg-type]


def deflate(content: bytes, wbits: int = -15) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    return packer.compress(content) + packer.flush()


def deflated_zeros(size: int) -> bytes:
    """Deflated zeros, made fast by repeating one flushed block."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (size >> 20) + deflate(b"")


def quoting_bomb(files: int) -> bytes:
    """A zip bomb of low ratios: every file is a stored block that quotes the header of the next one; all share one kernel."""
    content = os.urandom(1 << 16)  # so that no ratio tells
    chain = [record(f"{files}".encode(), content)]
    body = chain[0].local() + chain[0].data
    for number in reversed(range(files)):
        header = chain[0].local()
        content = header + content
        quoted = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF) + body
        assert zlib.decompress(quoted, wbits=-15) == content, "the bomb is a dud"
        chain.insert(0, Record(f"{number}".encode(), quoted, len(content), zlib.crc32(content)))
        body = chain[0].local() + quoted
    offsets = [len(body) - len(member.local()) - len(member.data) for member in chain]
    directory = b"".join(member.central(offset) for member, offset in zip(chain, offsets, strict=True))
    return body + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(chain), len(chain), len(directory), len(body), 0)


def header(**fields: object) -> bytes:
    """One raw header block; sizes may be such as tarfile does not write."""
    info = tarfile.TarInfo("member")
    size = fields.pop("size", 0)
    for name, value in fields.items():
        setattr(info, name, value)
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    assert isinstance(size, int)
    block[124:136] = b"\x80" + size.to_bytes(11, "big") if size >= 0 else (size & (1 << 96) - 1).to_bytes(12, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def prepare(folder: Path, content: bytes, name: str = "data.bin") -> tuple[Path, Path]:
    """An archive file, and a target folder that has a file already."""
    archive, target = folder / name, folder / "inner" / "target"
    target.mkdir(parents=True)
    archive.write_bytes(content)
    (target / "old").write_bytes(b"old")
    return archive, target


def tree(folder: Path) -> dict[str, bytes | None]:
    """Contents of all files by path, hidden ones included; None for folders."""
    paths = sorted(folder.rglob("*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in paths}


def files(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in tree(folder).items() if content is not None}


NASTY = ["", ".", "..", "../x", "a/../../x", "a/..", "a/../x", "a//b", "a/./b", ".//x", "/etc/x", "//host/share/x"]
NASTY += [
    "C:",
    "C:/x",
    "c:x",
    "a:stream",
    "\\\\host\\share\\x",
    "..\\x",
    "a\\b",
    "a\0b",
    "a\nb",
    "a\x1b[2Jb",
    "a\x85b",
    "a\u2028b",
]
NASTY += ["CON", "sub/nul.png", "com1.tar.gz", "LPT9 .x", "a.", "a ", "a. /x"]
LONG = ["x" * 256, "/".join(["d" * 100] * 11), "d/" * 40 + "x", "é" * 128]
CLASHES = [("a", "a"), ("a/B", "a/b"), ("caf\u00e9", "cafe\u0301"), ("a", "a/b"), ("a/b", "a"), ("A/x", "a/y"), ("\u00df", "SS")]

END = bytes(1024)
SOUND_TAR, SOUND_GZ, SOUND_ZIP = (make(suffix, [("a", PICTURE), ("b", PICTURE)]) for suffix in ("tar", "tar.gz", "zip"))
ENTRY = record()
NOISE, ZEROS = Record(b"noise", os.urandom(1 << 20), 1 << 20, 0, 0), Record(b"zeros", deflated_zeros(16 << 20), 16 << 20)
STORED = zip_of(Record(b"a", PICTURE, 5000, zlib.crc32(PICTURE), 0))
SIZES, LARGER = struct.pack("<2L", 5000, 5000), struct.pack("<2L", 5040, 5040)


def negative_offset(content: bytes, otherwise: str) -> tuple[bytes, str]:
    """A tar archive with a negative size, and the reason for refusing it: of ``tarfile`` where this Python's knows the attack."""
    try:
        tarfile.open(fileobj=io.BytesIO(content), mode="r:").close()
    except tarfile.TarError as error:
        return content, str(error) if str(error) == "invalid offset" else otherwise
    return content, otherwise


HOSTILE: dict[str, tuple[bytes, str]] = {
    "zip: symbolic link": (zip_of(record(mode=stat.S_IFLNK | 0o777)), "symbolic link"),
    "zip: socket": (zip_of(record(mode=stat.S_IFSOCK | 0o777)), "socket"),
    "zip: folder that is a file": (zip_of(record(mode=stat.S_IFDIR | 0o777)), "no regular file"),
    "zip: folder with content": (zip_of(record(b"folder/")), "folder with content"),
    "zip: encrypted": (zip_of(record(flags=1)), "encrypted"),
    "zip: strongly encrypted": (zip_of(record(flags=0x41)), "encrypted"),
    "zip: bzip2": (zip_of(record(method=12)), "method 12"),
    "zip: deflate64": (zip_of(record(method=9)), "method 9"),
    "zip: name is no UTF-8": (zip_of(record(b"\xff\xfe", flags=0x800)), "utf-8"),
    "zip: larger than declared": (zip_of(record(size=4999)), "size that its header says"),
    "zip: larger than declared, checksum of that": (zip_of(record(size=100, crc=zlib.crc32(PICTURE[:100]))), "CRC"),
    "zip: smaller than declared": (zip_of(record(size=5001)), "size that its header says"),
    "zip: stored, sizes differ": (zip_of(Record(b"a", PICTURE, 4, zlib.crc32(PICTURE), 0)), "size that its header says"),
    "zip: wrong checksum": (zip_of(record(crc=1)), "CRC"),
    "zip: damaged data": (zip_of(Record(b"a", os.urandom(5000), 6000)), "damaged"),
    "zip: one local header twice": (zip_of(ENTRY, replace(ENTRY, offset=0)), "appears twice"),
    "zip: other name for the same data": (zip_of(ENTRY, replace(ENTRY, name=b"other", offset=0)), "shares its bytes"),
    "zip: quoted headers": (quoting_bomb(100), "shares its bytes"),
    "zip: names differ in directory and header": (
        zip_of(ENTRY).replace(b"member", b"friend", 1),
        "differ",
    ),
    "zip: header elsewhere": (zip_of(ENTRY, replace(ENTRY, name=b"b", offset=7)), "no header"),
    "zip: data in the directory": (STORED.rpartition(SIZES)[0] + LARGER + STORED.rpartition(SIZES)[2], "the directory"),
    "zip: cut off": (SOUND_ZIP[:-30], "damaged"),
    "zip: empty": (zip_of(), "holds no files"),
    "zip: honest gigabyte of zeros": (zip_of(Record(b"a", deflated_zeros(HUGE), HUGE)), "over the limit of 200 times"),
    "zip: zeros beside noise": (zip_of(NOISE, ZEROS), "member 'zeros': over the limit of 200 times"),
    "zip: gigabyte of zeros declared as less": (zip_of(Record(b"a", deflated_zeros(HUGE), 1 << 20)), "size that its header says"),
    "tar: symbolic link": (tar_of(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "symbolic link"),
    "tar: hard link": (tar_of(type=tarfile.LNKTYPE, linkname="sound"), "hard link"),
    "tar: character device": (tar_of(type=tarfile.CHRTYPE), "device"),
    "tar: block device": (tar_of(type=tarfile.BLKTYPE), "device"),
    "tar: FIFO": (tar_of(type=tarfile.FIFOTYPE), "FIFO"),
    "tar: contiguous file": (tar_of(type=tarfile.CONTTYPE), "special"),
    "tar: unknown type": (tar_of(type=b"Z"), "special"),
    "tar: old sparse file": (header(type=tarfile.GNUTYPE_SPARSE) + END, "sparse"),
    "tar: sparse file": (tar_of(pax_headers={"GNU.sparse.size": "99999999"}), "sparse"),
    "tar: name of a sparse file": (tar_of(pax_headers={"GNU.sparse.name": "other"}), "sparse"),
    "tar: sparse map": (tar_of(pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": "x"}), "damaged"),
    "tar: name is no UTF-8": (tar_of(name="\udcff"), "UTF-8"),
    "tar: negative size": negative_offset(header(size=-5000) + END, "-5000 bytes are over"),
    "tar: header of 8 gigabytes": (header(type=tarfile.XHDTYPE, size=8 << 30) + END, "a header of a member"),
    "tar: name of negative length": negative_offset(
        header(type=tarfile.GNUTYPE_LONGNAME, size=-1024) + END, "a header of a member"
    ),
    "tar: headers without end": (header(type=tarfile.GNUTYPE_LONGNAME, size=0) * 5000 + END, "a header of a member"),
    "tar: size beyond the archive": (header(size=600) + END[:512], "ends before"),
    "tar: broken header": (SOUND_TAR[:5632] + b"x" * 512 + SOUND_TAR[6144:], "cut off"),
    "tar: cut off in a header": (SOUND_TAR[:5700], "cut off"),
    "tar: cut off between members": (SOUND_TAR[:5632], "cut off"),
    "tar.gz: cut off": (SOUND_GZ[:-9], "damaged"),
    "tar.gz: wrong checksum": (SOUND_GZ[:-8] + bytes(8), "CRC"),
    "tar.gz: gigabyte of zeros": (deflate(header(size=HUGE), wbits=31), "over the limit of 200 times"),
    "web page": (b"<!doctype html><title>Not found</title>" + b" " * 2000, "no zip or tar archive"),
    "web page, packed": (deflate(b"<!doctype html>" * 100, wbits=31), "no zip or tar archive"),
    "nothing": (b"", "no zip or tar archive"),
    "zeros": (bytes(20000), "holds no files"),
    "noise": (b"x" + os.urandom(5000), "no zip or tar archive"),
}
