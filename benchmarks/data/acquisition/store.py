"""Archives of data sets on this machine: downloaded or given by the user, extracted, described by a manifest, verified.

Each archive of a card becomes one folder under ``data_root()``, with a manifest of every file's size and SHA-256. A folder
appears by one rename, with its manifest inside, so it is there whole or not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from shlex import quote

from benchmarks.core.errors import UsageError
from benchmarks.core.files import cache_root, hash_file, named_folder
from benchmarks.core.locks import Busy, NoLock, locked
from benchmarks.core.offline import need_network
from benchmarks.core.text import counted
from benchmarks.data.acquisition import manifest as manifests
from benchmarks.data.acquisition.archive import Archive
from benchmarks.data.acquisition.download import DownloadFailed, Remote, download
from benchmarks.data.acquisition.extraction import Entry, extract, sweep
from benchmarks.data.acquisition.extraction import check as check_archive
from benchmarks.data.acquisition.inspection import ArchiveRefused
from benchmarks.data.acquisition.manifest import Manifest, content_digest, write_manifest
from benchmarks.data.acquisition.partial import remove_parts
from benchmarks.data.acquisition.pins import WrongHash, pin, pins, unpin, unpin_hint
from benchmarks.data.acquisition.wanted import Wanted, expanded, lacking, number_of

VARIABLE = "CINCGAN_DATA"
BY_HAND = "unpacked by hand"
WAITING = "wait for another process"

ProgressCallback = Callable[[str, int, int | None], None]  # name of the activity, bytes done, bytes in all if known
Check = Callable[[Path, Mapping[str, Entry]], None]  # of a folder and its files; raises UsageError, without a way to mend it


def data_root() -> Path:
    """Folder that holds the folders of all archives: ``CINCGAN_DATA``, or a folder in the cache if that is not set."""
    return named_folder(VARIABLE) or cache_root() / "datasets"


def folder(archive: Archive) -> Path:
    """Folder of an archive's files, whether it exists or not."""
    return data_root() / archive.name


def read_manifest(archive: Archive) -> Manifest | None:
    """The archive's manifest, or None if it is not prepared. Raises UsageError if it is corrupt or of another schema."""
    return manifests.read_manifest(folder(archive))


def has_manifest(archive: Archive) -> bool:
    """True if the archive's folder has a manifest, be it intact or not."""
    return (folder(archive) / manifests.NAME).is_file()


def missing(archive: Archive, wanted: Wanted) -> list[str]:
    """Names of files that are missing or have another size than in the manifest. Content is not read: ``damaged`` does that."""
    manifest = read_manifest(archive)
    if manifest is None:
        return lacking(wanted, ())
    entries = manifest.files
    changed = (name for name in expanded(wanted, entries) if not _has_size(folder(archive) / name, entries.get(name)))
    return list(dict.fromkeys([*changed, *lacking(wanted, entries)]))


def refuse_unprepared(dataset: str, archives: Sequence[str]) -> None:
    """Raise UsageError if any ``archives`` of a data set are given, which are those that are not prepared or lack files."""
    if archives:
        where = f"{', '.join(archives)} not in {data_root()}"
        raise UsageError(f"data set '{dataset}' is not prepared ({where}): run python -m benchmarks.prepare {dataset}")


def damaged(archive: Archive) -> list[str]:
    """Read every file of a prepared archive. Returns one line for each file that is missing or changed."""
    manifest = read_manifest(archive)
    if manifest is None:
        return [f"{folder(archive)}: not prepared"]
    problems = []
    for name, entry in manifest.files.items():
        path = folder(archive) / name
        try:
            if not _has_size(path, entry) or hash_file(path).hexdigest() != entry.sha256:
                problems.append(f"{path}: {'changed' if path.is_file() else 'missing'}")
        except OSError as error:
            problems.append(f"{path}: cannot be read ({error.strerror})")
    return problems


def fetched(archive: Archive) -> int:
    """Bytes of the archive file that earlier calls have downloaded."""
    paths = [_download_path(archive), *data_root().glob(f".{_download_path(archive).name}.*.part")]
    return max(path.stat().st_size if path.is_file() else 0 for path in paths)


def known_sha256(archive: Archive) -> str | None:
    """SHA-256 that the archive must have, by its card or by the pin of the first download; None if neither exists."""
    return archive.sha256 or pins(data_root()).get(archive.name)


def prepare(
    archive: Archive, wanted: Wanted, local_file: Path | None, report: ProgressCallback, checks: Sequence[Check] = ()
) -> None:
    """Download and extract an archive, unless its folder is complete.

    Args:
        archive: of a card.
        wanted: files that the folder must hold.
        local_file: the archive file, if the user has it; it is only read.
        report: called with the name of the activity, bytes done, and bytes in all if known.
        checks: of the files, before the archive is pinned and the folder gets its name: a wrong archive must not be pinned.

    Raises:
        UsageError: the archive cannot be downloaded, or its folder cannot be written.
        ArchiveRefused: the archive is damaged or hostile, lacks files, or fails a check.
        WrongHash: the archive is another one than the card or the pin says, or than the one that the folder was made of.
    """
    try:
        if not missing(archive, wanted):
            _remove_downloads_if_free(archive)
            return _refuse_unread(archive, local_file, report) if local_file else None
        with _locked(archive, on_wait=lambda: report(WAITING, 0, None)):
            sweep(data_root())
            if missing(archive, wanted):
                _fill_folder(archive, wanted, local_file, report, checks)
            _remove_downloads(archive)
    except OSError as error:
        where, reason = error.filename or data_root(), error.strerror or error
        raise UsageError(f"{where}: cannot be read or written ({reason}): check permissions and limits") from error


def _fill_folder(
    archive: Archive, wanted: Wanted, local_file: Path | None, report: ProgressCallback, checks: Sequence[Check]
) -> None:
    _refuse_pinned_part(archive, wanted)
    if is_by_hand(archive):
        _write_manifest_of_folder(archive, wanted, report, checks)
    elif archive.by_file and local_file is not None:
        raise UsageError(f"{local_file}: {archive.name} is no archive but single files: unpack it to {folder(archive)}")
    elif archive.by_file:
        _download_files(archive, expanded(wanted, ()), report, checks)
    elif local_file is not None:
        sha256 = _local_sha256(archive, local_file, report)
        _extract_archive(archive, wanted, local_file, str(local_file), sha256, report, checks)
    elif archive.page:
        raise UsageError(
            f"{archive.name}: no program can fetch it: get {archive.file_name} from {archive.page} in a browser, "
            f"and give it with --from-archive {quote(archive.file_name)}"
        )
    else:
        _download_archive(archive, wanted, report, checks)


def _refuse_unread(archive: Archive, local_file: Path, report: ProgressCallback) -> None:
    """Raise an error if the prepared folder was not made of the user's file, which nobody reads then.

    Listed files are those of the card, whatever archive they came in.

    Raises:
        UsageError: the folder was unpacked by hand, or there is no such file.
        WrongHash: the folder was made of another file.
    """
    if archive.listed:
        return
    manifest = read_manifest(archive)
    here, away = f"not used: {folder(archive)} is here already", f"move {folder(archive)} away"
    if manifest is None or manifest.archive_sha256 is None:
        raise UsageError(f"{local_file}: {here}, {BY_HAND}: leave out --from-archive, or {away} to have it made anew")
    sha256 = _sha256(archive, local_file, report)
    if sha256 != manifest.archive_sha256:
        made = f"made of a file with the sha256 {manifest.archive_sha256}, this one has {sha256}"
        pinned = f", {unpin(data_root(), archive.name)}" if archive.name in pins(data_root()) else ""
        mend = f"if this one is right, {away}{pinned} and run the command again"
        raise WrongHash(f"{local_file}: {here}, {made}: {mend}", sha256, manifest.archive_sha256)


def _refuse_pinned_part(archive: Archive, wanted: Wanted) -> None:
    """Raise UsageError if the folder was made of the pinned archive file, and that file lacks what a data set needs."""
    manifest = read_manifest(archive)
    if manifest is None or archive.sha256 or manifest.archive_sha256 != pins(data_root()).get(archive.name, ""):
        return
    if missed := lacking(wanted, manifest.files):
        lacks = f"its archive is pinned, and lacks {number_of(missed)}, such as {missed[0]}"
        mend = f"{unpin(data_root(), archive.name)}, and run the command again for the whole archive"
        raise UsageError(f"{folder(archive)}: {lacks}: {mend}")


def _locked(
    archive: Archive, limit: float | None = None, on_wait: Callable[[], object] = lambda: None
) -> AbstractContextManager[None]:
    """Hold the archive's lock in the block; arguments and errors as for ``locked``."""
    mend = f"check {VARIABLE} and permissions, or set it to another folder"
    return locked(data_root() / f".{archive.name}.lock", mend, limit=limit, on_wait=on_wait)


def _remove_downloads_if_free(archive: Archive) -> None:
    """Clean up, unless another process holds the lock or the folder cannot be written."""
    with suppress(OSError, NoLock, Busy), _locked(archive, limit=0):
        sweep(data_root())
        _remove_downloads(archive)


def _remove_downloads(archive: Archive) -> None:
    """Remove downloads and partial files of a prepared archive. The caller holds its lock."""
    _download_path(archive).unlink(missing_ok=True)
    remove_parts(_download_path(archive))
    shutil.rmtree(_files_path(archive), ignore_errors=True)


def _download_path(archive: Archive) -> Path:
    """Path of the archive file until it is extracted. Only a complete and checked file gets this name."""
    return data_root() / f".{archive.name}.download"


def _files_path(archive: Archive) -> Path:
    """Folder of files that are downloaded one by one, until all have come."""
    return data_root() / f".{archive.name}.files"


def _download_archive(archive: Archive, wanted: Wanted, report: ProgressCallback, checks: Sequence[Check]) -> None:
    """Download and extract. An archive file that an earlier call downloaded but could not extract is not downloaded again."""
    path, expected_sha256 = _download_path(archive), known_sha256(archive)
    sha256 = hash_file(path).hexdigest() if path.is_file() else None
    if sha256 is not None and expected_sha256 in (None, sha256):
        try:
            return _extract_archive(archive, wanted, path, archive.urls[0], sha256, report, checks)
        except ArchiveRefused:
            if expected_sha256:
                raise
    need_network(f"archive {archive.name}")
    try:
        remote = Remote(archive.name, archive.urls, archive.bytes, expected_sha256)
        sha256 = download(remote, path, partial(report, "download"), check_archive)
    except DownloadFailed as error:
        hint = _unpin_hint(archive) if error.wrong_hash else ""
        raise DownloadFailed(
            f"{error}{hint}; or get the file elsewhere and give it with --from-archive", error.wrong_hash
        ) from None
    _extract_archive(archive, wanted, path, archive.urls[0], sha256, report, checks)


def _unpin_hint(archive: Archive) -> str:
    """How to mend an archive that differs from its pin; empty if its hash is the card's."""
    return "" if archive.sha256 else unpin_hint(data_root(), archive.name)


def _sha256(archive: Archive, local_file: Path, report: ProgressCallback) -> str:
    """SHA-256 of a file that the user has. Raises UsageError if there is none."""
    if not local_file.is_file():
        raise UsageError(f"{local_file}: no such file: give the archive {archive.name}")
    size = local_file.stat().st_size
    return hash_file(local_file, report=lambda done: report("check", done, size)).hexdigest()


def _local_sha256(archive: Archive, local_file: Path, report: ProgressCallback) -> str:
    """SHA-256 of a file that the user has. Raises WrongHash if it is another file than the card or the pin says."""
    sha256 = _sha256(archive, local_file, report)
    expected_sha256 = known_sha256(archive)
    if expected_sha256 not in (None, sha256):
        mend = f"download it again{_unpin_hint(archive)}"
        raise WrongHash(
            f"{local_file}: its sha256 is {sha256}, that of {archive.name} is {expected_sha256}: {mend}", sha256, expected_sha256
        )
    return sha256


def _extract_archive(
    archive: Archive,
    wanted: Wanted,
    path: Path,
    source: str,
    sha256: str,
    report: ProgressCallback,
    checks: Sequence[Check],
) -> None:
    """Extract an archive file to the archive's folder, with its manifest.

    Raises:
        ArchiveRefused: the archive lacks files, or fails a check.
    """

    def finish(unpacked: Path, entries: dict[str, Entry]) -> None:
        if missed := lacking(wanted, entries):
            files = f"it lacks {number_of(missed)} of {archive.name}, such as {missed[0]}"
            raise ArchiveRefused(f"{path}: {files}: give the archive that {archive.origin} offers")
        _refuse_changed(archive, entries, str(path))
        _refuse_misfits(archive, unpacked, entries, checks, str(path))
        write_manifest(unpacked, source, sha256, entries)
        _pin(archive, sha256)  # before the folder gets its name: a complete folder is not pinned again

    target = folder(archive)
    if os.path.lexists(target) and not target.is_dir():
        raise UsageError(f"{target}: is a file or a broken link where the data set's folder must be: move it away and run again")
    extract(path, target, inside=archive.inside, finish=finish, report=partial(report, "extract"))


def _download_files(archive: Archive, names: Sequence[str], report: ProgressCallback, checks: Sequence[Check]) -> None:
    """Download file by file to a folder that gets its name when all have come; damaged files of a prepared one are replaced."""
    manifest = read_manifest(archive)
    target = folder(archive) if manifest else _files_path(archive)
    hash_of = {**({name: entry.sha256 for name, entry in manifest.files.items()} if manifest else {}), **archive.hashes}
    hashes = {name: _download_file(archive, name, target / name, hash_of.get(name), report) for name in names}
    digest, pinned = content_digest(hashes), known_sha256(archive)
    if pinned not in (None, digest):
        mend = f"move it away to fetch them again{_unpin_hint(archive)}"
        raise WrongHash(f"{target}: its files have the content digest {digest}, not {pinned}: {mend}", digest, pinned)
    for path in target.glob(".*"):
        if path.name != manifests.NAME:  # locks of the downloads
            path.unlink()
    entries = {name: Entry((target / name).stat().st_size, hashes[name]) for name in names}
    _refuse_misfits(archive, target, entries, checks, str(target))
    write_manifest(target, archive.urls[0], None, entries)
    _pin(archive, digest)
    if not manifest:
        target.replace(folder(archive))


def _download_file(archive: Archive, name: str, path: Path, expected_sha256: str | None, report: ProgressCallback) -> str:
    """Download one file, unless it is there intact. Returns its SHA-256."""
    from benchmarks.data.pixels.decode import decode

    def check(downloaded: Path) -> None:
        decode(downloaded, "the file sent", "the server has no such image")

    if path.is_file():
        sha256 = hash_file(path).hexdigest()
        if expected_sha256 in (None, sha256):
            return sha256
    need_network(f"{name} of {archive.name}")
    remote = Remote(name, tuple(url.replace("{}", name) for url in archive.urls), None, expected_sha256)
    try:
        return download(remote, path, partial(report, f"download {name}"), check)
    except DownloadFailed as error:
        raise DownloadFailed(f"{error}; or get the file elsewhere and put it to {path}", error.wrong_hash) from None


def is_by_hand(archive: Archive) -> bool:
    """True if the archive's folder exists and was not made by this project."""
    if not folder(archive).is_dir():
        return False
    manifest = read_manifest(archive)
    return manifest is None or manifest.source == BY_HAND


def _write_manifest_of_folder(archive: Archive, wanted: Wanted, report: ProgressCallback, checks: Sequence[Check]) -> None:
    """Write the manifest of a folder that was unpacked by hand. Its files are only read."""
    paths = [path.relative_to(folder(archive)).as_posix() for path in folder(archive).rglob("*") if path.is_file()]
    if missed := lacking(wanted, paths):
        raise UsageError(
            f"{folder(archive)}: unpacked by hand, and lacks {number_of(missed)}, such as {missed[0]}: "
            "complete it, or move it away to have it downloaded"
        )
    names = expanded(wanted, paths)
    sizes = {name: (folder(archive) / name).stat().st_size for name in names}
    entries: dict[str, Entry] = {}
    for name, size in sizes.items():
        entries[name] = Entry(size, hash_file(folder(archive) / name).hexdigest())
        report("check", sum(entry.bytes for entry in entries.values()), sum(sizes.values()))
    _refuse_changed(archive, entries, str(folder(archive)))
    _refuse_misfits(archive, folder(archive), entries, checks, str(folder(archive)))
    write_manifest(folder(archive), BY_HAND, None, entries)


def _refuse_changed(archive: Archive, entries: Mapping[str, Entry], where: str) -> None:
    """Raise WrongHash if files differ from those that are listed beside the card."""
    changed = [name for name, sha256 in archive.hashes.items() if name in entries and entries[name].sha256 != sha256]
    if changed:
        count = f"{counted(len(changed), 'file')}, such as {changed[0]},"
        differ = f"{count} {'differs' if len(changed) == 1 else 'differ'} from the SHA-256 listed in {archive.listed}"
        actual, expected = entries[changed[0]].sha256, archive.hashes[changed[0]]
        raise WrongHash(f"{where}: {differ}: get the files that {archive.origin} offers", actual, expected)


def _refuse_misfits(archive: Archive, path: Path, entries: Mapping[str, Entry], checks: Sequence[Check], where: str) -> None:
    """Raise ArchiveRefused if a check of a folder that is not pinned yet fails."""
    try:
        for check in checks:
            check(path, entries)
    except UsageError as error:
        raise ArchiveRefused(f"{where}: {error}: give what {archive.origin} offers") from error


def _pin(archive: Archive, sha256: str) -> None:
    """Pin the archive's hash, unless its card has one or lists those of its files."""
    if archive.sha256 is None and not archive.listed:
        pin(data_root(), archive.name, sha256)


def _has_size(path: Path, entry: Entry | None) -> bool:
    try:
        return entry is not None and path.is_file() and path.stat().st_size == entry.bytes
    except OSError:
        return False
