"""Archives on this machine: fetched or handed over, extracted, described by a manifest, verified.

Each archive of a card becomes one folder under ``data_root()``, with a manifest of every file's size and SHA-256. A folder
appears by one rename, with its manifest inside, so it is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from benchmarks.core.errors import BenchmarkError, UsageError
from benchmarks.core.files import cache_root, hash_file, write_text
from benchmarks.core.offline import need_network
from benchmarks.core.strict import build
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.acquisition.archives import ArchiveRefused, Entry, extract, sweep
from benchmarks.data.acquisition.archives import check as check_archive
from benchmarks.data.acquisition.download import DownloadFailed, Remote, download
from benchmarks.data.acquisition.partial import remove_parts
from benchmarks.data.acquisition.pins import pin, pins, unpin

if TYPE_CHECKING:
    from filelock import BaseFileLock

VARIABLE = "CINCGAN_DATA"
MANIFEST = ".manifest.json"
BY_HAND = "unpacked by hand"
SCHEMA = 1
WAITING = "wait for another process"

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
    """The archive's manifest, or None where it is not prepared. Raises UsageError where it is corrupt or of another schema."""
    path = folder(archive) / MANIFEST
    try:
        stamp = path.stat()
    except OSError:
        return _parse(path, None)
    return _parse(path, (stamp.st_mtime_ns, stamp.st_size, stamp.st_ino))


@lru_cache(maxsize=64)
def _parse(path: Path, stamp: tuple[int, int, int] | None) -> Manifest | None:
    """Read a manifest, again where its stamp has changed."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        schema = data["schema"]  # first: another schema may have other keys
        if schema == SCHEMA:
            return _inside(build(Manifest, data, MANIFEST))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): check permissions") from error
    except (ValueError, LookupError, TypeError, RecursionError, UsageError) as error:
        mend = f"delete it and run python -m benchmarks.prepare, which takes the images in {path.parent} as they are"
        raise UsageError(f"{path}: corrupt manifest ({error}): {mend}") from error
    raise UsageError(f"{path}: schema {schema}, this version reads {SCHEMA}: move {path.parent} away and prepare it again")


def _inside(manifest: Manifest) -> Manifest:
    """Refuse names that lead out of the folder. Raises ValueError."""
    for name in manifest.files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError(f"the name {name!a} leads out of the folder")
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
        try:
            if not _has_size(path, entry) or hash_file(path).hexdigest() != entry.sha256:
                found.append(f"{path}: {'changed' if path.is_file() else 'missing'}")
        except OSError as error:
            found.append(f"{path}: cannot be read ({error.strerror})")
    return found


def fetched(archive: Archive) -> int:
    """How many bytes of the archive file an earlier call has left here."""
    paths = [_download_path(archive), *data_root().glob(f".{_download_path(archive).name}.*.part")]
    return max(path.stat().st_size if path.is_file() else 0 for path in paths)


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
        _clean_if_free(archive)
        return
    try:
        with _alone(archive, report):
            sweep(data_root())
            if missing(archive, names):
                _make(archive, names, given, report)
            _clean(archive)
    except OSError as error:
        where, reason = error.filename or data_root(), error.strerror or error
        raise UsageError(f"{where}: cannot be read or written ({reason}): check permissions and limits") from error


def _make(archive: Archive, names: Sequence[str], given: Path | None, report: Report) -> None:
    if is_by_hand(archive):
        _adopt(archive, names, report)
    elif archive.by_file and given is not None:
        raise UsageError(f"{given}: {archive.name} is no archive but single files: unpack it to {folder(archive)}")
    elif archive.by_file:
        _fetch_files(archive, names, report)
    elif given is not None:
        _take(archive, names, given, str(given), _given_sha256(archive, given, report), report)
    else:
        _fetch(archive, names, report)


@contextmanager
def _alone(archive: Archive, report: Report) -> Iterator[None]:
    """One process at a time for each archive; a second one waits."""
    from filelock import Timeout

    try:
        data_root().mkdir(parents=True, exist_ok=True)
        lock = _lock(archive)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            report(WAITING, 0, None)
            lock.acquire()
    except (OSError, NotImplementedError) as error:  # the second: a file system without locks
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{data_root()}: cannot be written ({reason}): check {VARIABLE} and permissions") from error
    try:
        yield
    finally:
        lock.release()


def _lock(archive: Archive) -> BaseFileLock:
    from filelock import FileLock

    return FileLock(data_root() / f".{archive.name}.lock")


def _clean_if_free(archive: Archive) -> None:
    """Clean, unless another process is at work there or nothing can be written: then there is nothing to do for this one."""
    from filelock import Timeout

    with suppress(OSError, NotImplementedError, Timeout), _lock(archive).acquire(timeout=0):
        sweep(data_root())
        _clean(archive)


def _clean(archive: Archive) -> None:
    """Remove what a prepared archive no longer needs. The caller holds its lock."""
    _download_path(archive).unlink(missing_ok=True)
    remove_parts(_download_path(archive))
    shutil.rmtree(_files_path(archive), ignore_errors=True)


def _download_path(archive: Archive) -> Path:
    """The archive file until it is unpacked. Only a whole and checked one gets this name."""
    return data_root() / f".{archive.name}.download"


def _files_path(archive: Archive) -> Path:
    """The folder of what comes file by file, until all are there."""
    return data_root() / f".{archive.name}.files"


def _fetch(archive: Archive, names: Sequence[str], report: Report) -> None:
    """Download and unpack; what an earlier call has downloaded but could not unpack is not downloaded again."""
    path, known = _download_path(archive), known_sha256(archive)
    sha256 = hash_file(path).hexdigest() if path.is_file() else None
    if sha256 is not None and known in (None, sha256):
        try:
            return _take(archive, names, path, archive.urls[0], sha256, report)
        except ArchiveRefused:
            if known:
                raise
    need_network(f"archive {archive.name}")
    try:
        remote = Remote(archive.name, archive.urls, archive.bytes, known)
        sha256 = download(remote, path, partial(report, "download"), check_archive)
    except DownloadFailed as error:
        raise DownloadFailed(
            f"{error}{_pin_hint(archive, str(error))}; or get the file elsewhere and give it with --from-archive"
        ) from None
    _take(archive, names, path, archive.urls[0], sha256, report)


def _pin_hint(archive: Archive, message: str) -> str:
    """How to mend a file that is another than the pinned one, where the message says that it is."""
    known = known_sha256(archive)
    return f"; {unpin(data_root(), archive.name)}" if known != archive.sha256 and f"{known}" in message else ""


def _given_sha256(archive: Archive, given: Path, report: Report) -> str:
    """Hash a file that the user has. Raises BenchmarkError where it is another one than the card names."""
    if not given.is_file():
        raise UsageError(f"{given}: no such file: give the archive {archive.name}")
    size = given.stat().st_size
    sha256 = hash_file(given, report=lambda done: report("check", done, size)).hexdigest()
    known = known_sha256(archive)
    if known not in (None, sha256):
        message = f"{given}: its sha256 is {sha256}, that of {archive.name} is {known}: download it again"
        raise BenchmarkError(message + _pin_hint(archive, message))
    return sha256


def _take(archive: Archive, names: Sequence[str], path: Path, source: str, sha256: str, report: Report) -> None:
    def finish(made: Path, entries: dict[str, Entry]) -> None:
        lacking = [name for name in names if name not in entries]
        if lacking:
            missed = f"{len(lacking)} files of {archive.name} are not in it, such as {lacking[0]}"
            raise ArchiveRefused(f"{path}: {missed}: the card means the archive of {archive.urls[0]}")
        _write_manifest(made, source, sha256, entries)
        _pin(archive, sha256)  # before the folder gets its name: a folder that is there is not looked at again

    target = folder(archive)
    if os.path.lexists(target) and not target.is_dir():
        raise UsageError(f"{target}: is no folder, or a link to none: move it away to have it made")
    extract(path, target, inside=archive.inside, finish=finish, report=partial(report, "extract"))


def _fetch_files(archive: Archive, names: Sequence[str], report: Report) -> None:
    """File by file into a folder that gets its name when all are there; in one that has it, what is damaged is replaced."""
    manifest = read_manifest(archive)
    where = folder(archive) if manifest else _files_path(archive)
    known = {name: entry.sha256 for name, entry in manifest.files.items()} if manifest else {}
    hashes = {name: _fetch_file(archive, name, where / name, known.get(name), report) for name in names}
    digest, pinned = content_digest(hashes), known_sha256(archive)
    if pinned not in (None, digest):
        message = f"{where}: its files have the content digest {digest}, not {pinned}: move it away to fetch them again"
        raise BenchmarkError(message + _pin_hint(archive, message))
    for path in where.glob(".*"):
        if path.name != MANIFEST:  # locks of the downloads
            path.unlink()
    _write_manifest(where, archive.urls[0], None, {name: Entry((where / name).stat().st_size, hashes[name]) for name in names})
    _pin(archive, digest)
    if not manifest:
        where.replace(folder(archive))


def _fetch_file(archive: Archive, name: str, path: Path, known: str | None, report: Report) -> str:
    """One file, unless it is there; its SHA-256."""
    from benchmarks.data.pixels.decode import decode

    def check(made: Path) -> None:
        decode(made, "the file sent", "the server has no such image")

    if path.is_file():
        sha256 = hash_file(path).hexdigest()
        if known in (None, sha256):
            return sha256
    need_network(f"{name} of {archive.name}")
    remote = Remote(name, tuple(url.replace("{}", name) for url in archive.urls), None, known)
    try:
        return download(remote, path, partial(report, f"download {name}"), check)
    except DownloadFailed as error:
        raise DownloadFailed(f"{error}; or get the file elsewhere and put it to {path}") from None


def is_by_hand(archive: Archive) -> bool:
    """Whether its folder is there and we did not make it."""
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
        entries[name] = Entry(size, hash_file(folder(archive) / name).hexdigest())
        report("check", sum(entry.bytes for entry in entries.values()), sum(sizes.values()))
    _write_manifest(folder(archive), BY_HAND, None, entries)


def _write_manifest(where: Path, source: str, archive_sha256: str | None, entries: Mapping[str, Entry]) -> None:
    manifest = Manifest(SCHEMA, source, archive_sha256, dict(sorted(entries.items())))
    write_text(where / MANIFEST, json.dumps(asdict(manifest), indent=1) + "\n")


def _pin(archive: Archive, sha256: str) -> None:
    if archive.sha256 is None:
        pin(data_root(), archive.name, sha256)


def _has_size(path: Path, entry: Entry | None) -> bool:
    try:
        return entry is not None and path.is_file() and path.stat().st_size == entry.bytes
    except OSError:
        return False
