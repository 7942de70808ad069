"""Weight cards, and the files of weights that they name: downloaded from the web or a package index, kept in the cache."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from benchmarks.catalog.plugins import added_cards
from benchmarks.core.errors import BenchmarkError, UsageError, WeightsMissing, unknown
from benchmarks.core.files import cache_root, hash_file, write_atomically
from benchmarks.core.locks import NoLock, locked
from benchmarks.core.offline import is_offline
from benchmarks.core.paths import CARDS
from benchmarks.core.progress.transfer_progress import TransferProgress
from benchmarks.core.secrets import address_without_secrets
from benchmarks.core.strict import build, read_toml
from benchmarks.data.acquisition import package_index
from benchmarks.data.acquisition.download import DownloadFailed, Remote, download
from benchmarks.data.acquisition.package_index import IndexFile, NotObtained
from benchmarks.data.acquisition.pins import WrongHash, pin, pins, unpin_hint
from benchmarks.data.fields import Hash, Url


@dataclass(frozen=True)
class WeightFile:
    """A file of weights, at a web address or inside a distribution of a package index.

    Attributes:
        role: part of the model that the file holds, for example ``trunk`` or ``heads``. Files of one role are alternatives with
            equal values: the first available file is taken.
        licence: of the file.
        sha256: of the file; None if it is not published: then the first download pins it.
        url: web address. Eight hexadecimal digits before the ending begin the SHA-256, as in names of torch.hub.
        bytes: size, if known.
        project: name of the distribution in a package index.
        version: of the distribution.
        archive: file name of the wheel or sdist.
        member: full path in the wheel or sdist.
    """

    role: str
    licence: str
    sha256: Hash | None = None
    url: Url | None = None
    bytes: Annotated[int, Meta(ge=1)] | None = None
    project: str = ""
    version: str = ""
    archive: str = ""
    member: str = ""

    def __post_init__(self) -> None:
        in_index = (self.project, self.version, self.archive, self.member)
        if bool(self.url) == any(in_index) or (any(in_index) and not (all(in_index) and self.sha256)):
            raise ValueError(f"{self.role}: give a url, or project, version, archive, member and sha256")

    @property
    def origin(self) -> str:
        """Web address without secrets, or member and archive, for messages."""
        return address_without_secrets(self.url or "") or f"{self.member} of {self.archive}"


@dataclass(frozen=True)
class WeightCard:
    """A card of published weights.

    Attributes:
        name: the file's name without its ending.
        title: a line for lists.
        licence: terms of all files.
        citation: source of the weights.
        files: in order of preference.
        notes: for users.
    """

    name: str
    title: str
    licence: str
    citation: str
    files: Annotated[tuple[WeightFile, ...], Meta(min_length=1)]
    notes: str = ""

    def alternatives(self) -> dict[str, list[WeightFile]]:
        """Files by role, the preferred first."""
        files: dict[str, list[WeightFile]] = {}
        for file in self.files:
            files.setdefault(file.role, []).append(file)
        return files


def _files() -> dict[str, Path]:
    own = {path.stem: path for path in sorted((CARDS / "weights").glob("*.toml"))}
    return own | _added(frozenset(own))


@cache
def _added(own: frozenset[str]) -> dict[str, Path]:
    """Cards of plug-ins, given the names of the project's own."""
    return added_cards("weights", "weights", own, _read)


def weight_names() -> list[str]:
    """Names of all cards of weights."""
    return sorted(_files())


def load_weight_card(name: str) -> WeightCard:
    """Read and check ``datasets/weights/<name>.toml``, or a plug-in's card. Raises UsageError if it is unknown or invalid."""
    path = _files().get(name)
    if path is None:
        raise unknown("weights", name, weight_names())
    return _read(name, path)


def _read(name: str, path: Path) -> WeightCard:
    card = build(WeightCard, read_toml(path), str(path))
    if card.name != name:
        raise UsageError(f"{path}: name is '{card.name}': it must be the file's, '{name}'")
    return card


def card_digest(name: str) -> str:
    """SHA-256 over the hashes of the card's files; for a file without a published hash, over its origin.

    The digest is part of the identity of values that are computed with the weights.
    """
    hashes = [file.sha256 or file.origin for file in load_weight_card(name).files]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a checkpoint that the user has named. Raises UsageError if it cannot be read."""
    try:
        return hash_file(path).hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): give the path of a checkpoint") from error


def fetch(card: WeightCard) -> dict[str, Path]:
    """Paths of the card's files in the cache, by role. Missing files and files with a wrong hash are downloaded.

    The network is not used if the cache has an intact file of every role.

    Raises:
        WeightsMissing: a file is neither in the cache nor obtainable.
    """
    return {role: fetch_role(card, role) for role in card.alternatives()}


def fetch_role(card: WeightCard, role: str) -> Path:
    """Path of the card's file for one role, as in ``fetch``. Raises WeightsMissing as it does."""
    files = card.alternatives()[role]
    file = _here(files) or _fetch_first(card, files)
    if _known_sha256(file) is None:
        with suppress(OSError, UsageError):  # a shared cache may be read-only
            pin(_folder(), cached_path(file).name, hash_file(cached_path(file)).hexdigest())
    return cached_path(file)


def cached(card: WeightCard) -> dict[str, Path | None]:
    """Path in the cache of the file of each role; None if it would have to be downloaded. Nothing is downloaded or written.

    A file that an installed package carries counts as there: ``fetch`` copies it to the cache.
    """
    intact = {
        role: _cached(files) or next((file for file, _ in _carried(files)), None) for role, files in card.alternatives().items()
    }
    return {role: cached_path(file) if file else None for role, file in intact.items()}


def damaged(files: Sequence[WeightFile]) -> list[str]:
    """One line for each cached file whose content has changed."""
    return [f"{path}: changed" for file in files if (path := cached_path(file)).is_file() and not _is_intact(file)]


def cached_path(file: WeightFile) -> Path:
    """Path of a file in the cache, whether it exists or not."""
    if file.url:
        return _folder() / PurePosixPath(urlsplit(file.url).path).name
    return _folder() / f"{file.project}-{file.version}" / PurePosixPath(file.member).name


def place(file: WeightFile, local_file: Path) -> None:
    """Copy a file that the user has into the cache.

    Raises:
        UsageError: the file cannot be read, or the cache cannot be written.
        WrongHash: the file is another one than the card or the pin says.
    """
    path = cached_path(file)
    try:
        content = local_file.read_bytes()
    except OSError as error:
        raise UsageError(f"{local_file}: cannot be read ({error.strerror}): give the file {path.name}") from error
    sha256, expected_sha256 = hashlib.sha256(content).hexdigest(), _known_sha256(file)
    if expected_sha256 not in (None, sha256):
        mend = f"download it again{_unpin_hint(file)}"
        raise WrongHash(
            f"{local_file}: its sha256 is {sha256}, that of {path.name} is {expected_sha256}: {mend}", sha256, expected_sha256
        )
    if not _fits_name(sha256, path.name):
        raise WrongHash(
            f"{local_file}: its sha256 {sha256} does not begin with the digits in the name {path.name}: download it again", sha256
        )
    _write(path, content)


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda out: out.write(content))


def _folder() -> Path:
    return cache_root() / "weights"


def _cached(files: Sequence[WeightFile]) -> WeightFile | None:
    return next((file for file in files if _is_intact(file)), None)


def _here(files: Sequence[WeightFile]) -> WeightFile | None:
    """A file of a role that is in the cache, or was copied there from an installed package; None if there is none."""
    if file := _cached(files):
        return file
    for file, content in _carried(files):
        with suppress(BenchmarkError):  # a shared cache may be read-only
            _write(cached_path(file), content)
            return file
    return None


def _carried(files: Sequence[WeightFile]) -> Iterator[tuple[WeightFile, bytes]]:
    """Files of a role that installed packages carry, with the right hash, each with its content."""
    for file in files:
        if file.project and (content := package_index.installed(_index_file(file))):
            yield file, content


def _is_intact(file: WeightFile) -> bool:
    """True if the cache has the file with the right hash; a file without known hash must fit the digits in its name."""
    path, expected_sha256 = cached_path(file), _known_sha256(file)
    try:
        sha256 = hash_file(path).hexdigest()
    except OSError:
        return False
    return sha256 == expected_sha256 if expected_sha256 else _fits_name(sha256, path.name)


def _known_sha256(file: WeightFile) -> str | None:
    return file.sha256 or pins(_folder()).get(cached_path(file).name)


def _fetch_first(card: WeightCard, files: Sequence[WeightFile]) -> WeightFile:
    """Download the first available file of a role. Raises WeightsMissing if none is."""
    try:
        with locked(_folder() / f".{card.name}.{files[0].role}.lock", "set CINCGAN_CACHE to another folder"):
            return _cached(files) or _fetch_any(card, files)  # another process may have downloaded it meanwhile
    except (NotObtained, NoLock, OSError) as error:
        places = " or ".join(f"{cached_path(file)}{f' (sha256 {file.sha256})' if file.sha256 else ''}" for file in files)
        raise WeightsMissing(
            f"weights '{card.name}': {files[0].role} is missing ({' '.join(str(error).split())}): "
            f"run python -m benchmarks.prepare {card.name} with a network, or place the file at {places}"
        ) from error


def _fetch_any(card: WeightCard, files: Sequence[WeightFile]) -> WeightFile:
    if is_offline():
        raise NotObtained("offline")
    reasons = []
    for file in files:
        path = cached_path(file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.url:
                _download(card, file, file.url, path)
            else:
                with _scratch(path) as folder:
                    _write(path, package_index.obtain(_index_file(file), folder))
            return file
        except (NotObtained, BenchmarkError, OSError) as error:
            reasons.append(f"{file.origin}: {' '.join(str(error).split())}")
    raise NotObtained("; ".join(reasons))


def _index_file(file: WeightFile) -> IndexFile:
    return IndexFile(file.project, file.archive, file.member, file.sha256 or "")


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A temporary folder beside a file, for its archive. The caller holds the lock: leftovers are of killed processes."""
    folder = path.with_name(f".{path.name}.download")
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        leftover.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download(card: WeightCard, file: WeightFile, url: str, path: Path) -> None:
    """Download a file from its web address to the cache. Raises NotObtained."""
    remote = Remote(path.name, (url,), file.bytes, _known_sha256(file))
    with TransferProgress() as progress:
        try:
            report = partial(progress.report, f"{card.name}: {path.name}")
            download(remote, path, report, lambda downloaded: _check_name(downloaded, path.name))
        except DownloadFailed as error:
            raise NotObtained(f"{error}{_unpin_hint(file) if error.wrong_hash else ''}") from error
        except UsageError as error:
            raise NotObtained(str(error)) from error


def _unpin_hint(file: WeightFile) -> str:
    """How to mend a file that differs from its pin; empty if its hash is the card's."""
    return "" if file.sha256 else unpin_hint(_folder(), cached_path(file).name)


def _check_name(path: Path, name: str) -> None:
    """Raise WrongHash if a file's SHA-256 does not begin with the digits in its name."""
    sha256 = hash_file(path).hexdigest()
    if not _fits_name(sha256, name):
        raise WrongHash(f"its sha256 {sha256} does not begin with the digits in the name {name}", sha256)


def _fits_name(sha256: str, name: str) -> bool:
    """True if a SHA-256 begins with the digits in a file's name, as in torch.hub; True if the name has none."""
    digits = re.search(r"-([0-9a-f]{8})\.", name)
    return digits is None or sha256.startswith(digits[1])
