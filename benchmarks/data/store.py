"""Archives on this machine: fetched or handed over, extracted, described by a manifest, verified.

Each archive of a card becomes one folder under ``data_root()``, with a manifest of every file's size and SHA-256. A folder
appears by one rename, with its manifest inside, so it is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks.data.archives import ArchiveRefused, Entry, extract, sweep
from benchmarks.data.archives import check as check_archive
from benchmarks.data.cards import Archive
from benchmarks.data.download import DownloadFailed, Remote, download
from benchmarks.data.pins import pin, pins, unpin
from benchmarks.errors import BenchmarkError, UsageError
from benchmarks.files import cache_root, write_text
from benchmarks.offline import need_network
from benchmarks.strict import build

VARIABLE = "CINCGAN_DATA"
MANIFEST = ".manifest.json"
BY_HAND = "unpacked by hand"
SCHEMA = 1
CHUNK = 1 << 20

Report = Callable[[str, int, int | None], None]  # what is being done, bytes done, bytes in all where known


@dataclass(frozen=True)
class Manifest:
    """What an archive's folder holds.

    Attributes:
        schema: of this file.
        source: address or file that it came from, or that it was unpacked by hand.
        archive_sha256: of the archive file; None where there was none.
        files: size and SHA-256 by name.
    """

    schema: int
    source: str
    archive_sha256: str | None
    files: Mapping[str, Entry]

    @property
    def digest(self) -> str:
        """Of the content: names and hashes of all files."""
        return content_digest({name: entry.sha256 for name, entry in self.files.items()})


def content_digest(hashes: Mapping[str, str]) -> str:
    """SHA-256 over names and their SHA-256."""
    return hashlib.sha256(json.dumps(sorted(hashes.items())).encode()).hexdigest()


def data_root() -> Path:
    """The folder above all archives' folders: that in ``CINCGAN_DATA``, or else one in the cache."""
    named = os.environ.get(VARIABLE)
    return Path(named).absolute() if named else cache_root() / "datasets"


def folder(archive: Archive) -> Path:
    """Where an archive's files are, or will be."""
    return data_root() / archive.name


def read_manifest(archive: Archive) -> Manifest | None:
    """The archive's manifest, or None where it is not prepared. Raises UsageError where it is corrupt."""
    path = folder(archive) / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest = build(Manifest, json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: corrupt manifest ({error}): delete it and run python -m benchmarks.prepare") from error
    if manifest.schema != SCHEMA:
        raise UsageError(f"{path}: schema {manifest.schema}, this version reads {SCHEMA}: prepare it again with this version")
    return manifest


def missing(archive: Archive, names: Sequence[str]) -> list[str]:
    """Which of the files are not there, or not in the size of the manifest. Their content is not read: ``damaged`` does that."""
    manifest = read_manifest(archive)
    return [name for name in names if manifest is None or not _has_size(folder(archive) / name, manifest.files.get(name))]


def damaged(archive: Archive) -> list[str]:
    """Read every file of a prepared archive. Returns one line for each that is missing or changed."""
    manifest = read_manifest(archive)
    if manifest is None:
        return [f"{folder(archive)}: not prepared"]
    found = []
    for name, entry in manifest.files.items():
        path = folder(archive) / name
        if not path.is_file():
            found.append(f"{path}: missing")
        elif not _has_size(path, entry) or sha256_of(path) != entry.sha256:
            found.append(f"{path}: changed")
    return found


def known_sha256(archive: Archive) -> str | None:
    """What the archive must hash to: by its card, or by the first download."""
    return archive.sha256 or pins(data_root()).get(archive.name)


def prepare(archive: Archive, names: Sequence[str], given: Path | None, report: Report) -> None:
    """Make an archive's folder, where it is not there whole.

    Args:
        archive: of a card.
        names: files that it must hold.
        given: the archive file, where the user has it; left as it is.
        report: told what is being done and how far it is.

    Raises:
        UsageError: it cannot be had or written.
        BenchmarkError: it is damaged, hostile, or not the one that the card names.
    """
    if not missing(archive, names):
        return
    with _alone(archive, report):
        if not missing(archive, names):
            return
        sweep(data_root())
        if _is_by_hand(archive):
            _adopt(archive, names, report)
        elif archive.by_file:
            _fetch_files(archive, names, report)
        elif given is not None:
            _take(archive, names, given, str(given), _given_sha256(archive, given, report), report)
        else:
            path, sha256 = _fetch(archive, report)
            _take(archive, names, path, archive.urls[0], sha256, report)
            path.unlink()


@contextmanager
def _alone(archive: Archive, report: Report) -> Iterator[None]:
    """One process at a time for each archive; a second one waits."""
    from filelock import FileLock, Timeout

    try:
        data_root().mkdir(parents=True, exist_ok=True)
        lock = FileLock(data_root() / f".{archive.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            report("wait for another process", 0, None)
            lock.acquire()
    except OSError as error:
        raise UsageError(f"{data_root()}: cannot be written ({error.strerror}): check {VARIABLE} and permissions") from error
    try:
        yield
    finally:
        lock.release()


def _fetch(archive: Archive, report: Report) -> tuple[Path, str]:
    need_network(f"archive {archive.name}")
    path = data_root() / f".{archive.name}.download"
    remote = Remote(archive.name, archive.urls, archive.bytes, known_sha256(archive))
    try:
        return path, download(remote, path, partial(report, "download"), check_archive)
    except DownloadFailed as error:
        pinned = f"; {unpin(data_root(), archive.name)}" if remote.sha256 != archive.sha256 else ""
        raise DownloadFailed(f"{error}{pinned}; or get the file elsewhere and give it with --from-archive") from None


def _given_sha256(archive: Archive, given: Path, report: Report) -> str:
    """Hash a file that the user has. Raises BenchmarkError where it is another one than the card names."""
    if not given.is_file():
        raise UsageError(f"{given}: no such file: give the archive {archive.name}")
    size = given.stat().st_size
    sha256, known = sha256_of(given, lambda done: report("check", done, size)), known_sha256(archive)
    if known not in (None, sha256):
        raise BenchmarkError(f"{given}: its sha256 is {sha256}, that of {archive.name} is {known}: download it again")
    return sha256


def _take(archive: Archive, names: Sequence[str], path: Path, source: str, sha256: str, report: Report) -> None:
    def finish(made: Path, entries: dict[str, Entry]) -> None:
        lacking = [name for name in names if name not in entries]
        if lacking:
            raise ArchiveRefused(f"{path}: {len(lacking)} files of {archive.name} are not in it, such as {lacking[0]}")
        _write_manifest(made, source, sha256, entries)

    extract(path, folder(archive), inside=archive.inside, finish=finish, report=partial(report, "extract"))
    _pin(archive, sha256)


def _fetch_files(archive: Archive, names: Sequence[str], report: Report) -> None:
    """File by file into a folder that stays until all are there, so that a second try asks only for the rest."""
    from benchmarks.data.decode import decode

    def check(path: Path) -> None:
        decode(path, "the file sent", "the server has no such image")

    waiting = data_root() / f".{archive.name}.files"
    hashes: dict[str, str] = {}
    for name in names:
        if not (waiting / name).is_file():
            need_network(f"{name} of {archive.name}")
            remote = Remote(name, tuple(url.replace("{}", name) for url in archive.urls))
            download(remote, waiting / name, partial(report, f"download {name}"), check)
        hashes[name] = sha256_of(waiting / name)
    digest, known = content_digest(hashes), known_sha256(archive)
    if known not in (None, digest):
        mend = unpin(data_root(), archive.name)
        raise BenchmarkError(f"{waiting}: content digest {digest}, not {known}: {mend}, or remove {waiting} to fetch it again")
    entries = {name: Entry((waiting / name).stat().st_size, sha256) for name, sha256 in hashes.items()}
    _write_manifest(waiting, archive.urls[0], None, entries)
    waiting.replace(folder(archive))
    _pin(archive, digest)


def _is_by_hand(archive: Archive) -> bool:
    if not folder(archive).is_dir():
        return False
    manifest = read_manifest(archive)
    return manifest is None or manifest.source == BY_HAND


def _adopt(archive: Archive, names: Sequence[str], report: Report) -> None:
    """Describe a folder that was unpacked by hand; it stays as it is."""
    lacking = [name for name in names if not (folder(archive) / name).is_file()]
    if lacking:
        raise UsageError(
            f"{folder(archive)}: unpacked by hand, but {len(lacking)} files are missing, such as {lacking[0]}: "
            "complete it, or move it away to have it downloaded"
        )
    sizes = {name: (folder(archive) / name).stat().st_size for name in names}
    entries: dict[str, Entry] = {}
    for name, size in sizes.items():
        entries[name] = Entry(size, sha256_of(folder(archive) / name))
        report("check", sum(entry.bytes for entry in entries.values()), sum(sizes.values()))
    _write_manifest(folder(archive), BY_HAND, None, entries)


def _write_manifest(where: Path, source: str, archive_sha256: str | None, entries: Mapping[str, Entry]) -> None:
    manifest = Manifest(SCHEMA, source, archive_sha256, dict(sorted(entries.items())))
    write_text(where / MANIFEST, json.dumps(asdict(manifest), indent=1) + "\n")


def _pin(archive: Archive, sha256: str) -> None:
    if archive.sha256 is None:
        pin(data_root(), archive.name, sha256)


def _has_size(path: Path, entry: Entry | None) -> bool:
    return entry is not None and path.is_file() and path.stat().st_size == entry.bytes


def sha256_of(path: Path, report: Callable[[int], None] = lambda done: None) -> str:
    """SHA-256 of a file, in hexadecimal; ``report`` is told the bytes that are done."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            report(done)
    return digest.hexdigest()
