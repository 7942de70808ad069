"""Weight cards and the files they name: from their web address, or out of a package of the user's own index; kept in a cache."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from benchmarks.core.errors import BenchmarkError, UsageError, WeightsMissing, unknown
from benchmarks.core.files import cache_root, hash_file, write_atomically
from benchmarks.core.offline import is_offline
from benchmarks.core.paths import CARDS
from benchmarks.core.strict import build, read_toml
from benchmarks.core.transfer_progress import TransferProgress
from benchmarks.data.acquisition import package_index
from benchmarks.data.acquisition.download import Remote, download
from benchmarks.data.acquisition.package_index import IndexFile, NotObtained
from benchmarks.data.acquisition.pins import pin, pins, unpin
from benchmarks.data.fields import Hash, Url


@dataclass(frozen=True)
class WeightFile:
    """A file of weights, at a web address or inside a distribution of a package index.

    Attributes:
        role: what the card's user asks for it by. Several files of one role hold the same values: the first to be had is taken.
        licence: of the file.
        sha256: of the file; None where nobody has published it: then the first download pins it.
        url: its web address, or empty. Eight hexadecimal digits before its ending begin its SHA-256, as torch's own have it.
        bytes: its size, where it is known.
        project, version, archive, member: where it is in a package index: the full path in a wheel or sdist.
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
        """Where it comes from, in words."""
        return self.url or f"{self.member} of {self.archive}"


@dataclass(frozen=True)
class WeightCard:
    """A set of weights: what it is, under which terms, and the files it consists of."""

    name: str
    title: str
    licence: str
    citation: str
    files: Annotated[tuple[WeightFile, ...], Meta(min_length=1)]
    notes: str = ""

    def alternatives(self) -> dict[str, list[WeightFile]]:
        """By role, the files that serve it, the preferred first."""
        found: dict[str, list[WeightFile]] = {}
        for file in self.files:
            found.setdefault(file.role, []).append(file)
        return found


def weight_names() -> list[str]:
    """Names of all weights that have a card."""
    return sorted(path.stem for path in (CARDS / "weights").glob("*.toml"))


def load_weight_card(name: str) -> WeightCard:
    """Read and check ``datasets/weights/<name>.toml``. Raises UsageError where it is unknown or invalid."""
    if name not in weight_names():
        raise unknown("weights", name, weight_names())
    path = CARDS / "weights" / f"{name}.toml"
    card = build(WeightCard, read_toml(path), str(path))
    if card.name != name:
        raise UsageError(f"{path}: name is '{card.name}': it must be the file's, '{name}'")
    return card


def card_digest(name: str) -> str:
    """sha256 over what the card knows of its files, in its order: what a value computed with them depends on."""
    hashes = [file.sha256 or file.origin for file in load_weight_card(name).files]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def fetch(card: WeightCard) -> dict[str, Path]:
    """The card's files by role, each checked against its sha256; what the cache lacks is fetched.

    The cache is under ``cache_root()``. Where it holds a file of every role, the network is not touched. A cached file with a
    wrong hash is fetched again.

    Raises:
        WeightsMissing: a file is neither cached nor obtainable. One line: what, why, how to mend it.
    """
    return {role: fetch_role(card, role) for role in card.alternatives()}


def fetch_role(card: WeightCard, role: str) -> Path:
    """The card's file for one role, as ``fetch`` gets it. Raises WeightsMissing as it does."""
    files = card.alternatives()[role]
    file = _cached(files) or _fetch_first(card, files)
    if _known_sha256(file) is None:
        with suppress(OSError, UsageError):  # a cache that others fill may be one that cannot be written
            pin(_folder(), cached_path(file).name, hash_file(cached_path(file)).hexdigest())
    return cached_path(file)


def cached(card: WeightCard) -> dict[str, Path | None]:
    """By role the file that is here and intact, or None. Nothing is fetched."""
    found = {role: _cached(files) for role, files in card.alternatives().items()}
    return {role: cached_path(file) if file else None for role, file in found.items()}


def damaged(files: Sequence[WeightFile]) -> list[str]:
    """One line for each cached file whose content has changed."""
    return [f"{path}: changed" for file in files if (path := cached_path(file)).is_file() and not _is_intact(file)]


def cached_path(file: WeightFile) -> Path:
    """Where the cache keeps a file, whether it is there or not."""
    if file.url:
        return _folder() / PurePosixPath(urlsplit(file.url).path).name
    return _folder() / f"{file.project}-{file.version}" / PurePosixPath(file.member).name


def place(file: WeightFile, given: Path) -> None:
    """Copy a file that the user has into the cache.

    Raises:
        UsageError: it cannot be read, or the cache cannot be written.
        BenchmarkError: it is another file than the card names.
    """
    path = cached_path(file)
    try:
        content = given.read_bytes()
    except OSError as error:
        raise UsageError(f"{given}: cannot be read ({error.strerror}): give the file {path.name}") from error
    sha256, known = hashlib.sha256(content).hexdigest(), _known_sha256(file)
    if known not in (None, sha256):
        mend = "" if file.sha256 else f"; {unpin(_folder(), path.name)}"
        raise BenchmarkError(f"{given}: its sha256 is {sha256}, that of {path.name} is {known}: download it again{mend}")
    if not _fits_name(sha256, path.name):
        raise BenchmarkError(f"{given}: its sha256 is {sha256}, and not as the name {path.name} has it: download it again")
    _write(path, content)


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda out: out.write(content))


def _folder() -> Path:
    return cache_root() / "weights"


def _cached(files: Sequence[WeightFile]) -> WeightFile | None:
    return next((file for file in files if _is_intact(file)), None)


def _is_intact(file: WeightFile) -> bool:
    """Whether it is in the cache as it must be; one that is not pinned yet need only fit its name."""
    path, known = cached_path(file), _known_sha256(file)
    try:
        sha256 = hash_file(path).hexdigest()
    except OSError:
        return False
    return sha256 == known if known else _fits_name(sha256, path.name)


def _known_sha256(file: WeightFile) -> str | None:
    return file.sha256 or pins(_folder()).get(cached_path(file).name)


def _fetch_first(card: WeightCard, files: Sequence[WeightFile]) -> WeightFile:
    """Fetch the first of a role's files that can be had. Raises WeightsMissing where none can."""
    from filelock import FileLock

    try:
        _folder().mkdir(parents=True, exist_ok=True)
        with FileLock(_folder() / f".{card.name}.{files[0].role}.lock"):
            return _cached(files) or _fetch_any(card, files)  # another process may have fetched it while this one waited
    except (NotObtained, OSError) as error:
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
                wanted = IndexFile(file.project, file.archive, file.member, file.sha256 or "")
                with _scratch(path) as folder:
                    _write(path, package_index.obtain(wanted, folder))
            return file
        except (NotObtained, BenchmarkError, OSError) as error:
            reasons.append(f"{file.origin}: {' '.join(str(error).split())}")
    raise NotObtained("; ".join(reasons))


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A folder beside a file for what it is taken out of. The caller holds the lock: what is there already a killed one left."""
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
    """Download to the cache."""
    remote = Remote(path.name, (url,), file.bytes, _known_sha256(file))
    with TransferProgress() as progress:
        try:
            report = partial(progress.report, f"{card.name}: {path.name}")
            download(remote, path, report, lambda made: _check_name(made, path.name))
        except UsageError as error:
            is_other = file.sha256 is None and remote.sha256 is not None and remote.sha256 in str(error)
            raise NotObtained(f"{error}; {unpin(_folder(), path.name)}" if is_other else str(error)) from error


def _check_name(made: Path, name: str) -> None:
    sha256 = hash_file(made).hexdigest()
    if not _fits_name(sha256, name):
        raise BenchmarkError(f"its sha256 is {sha256}, and not as the name {name} has it")


def _fits_name(sha256: str, name: str) -> bool:
    """Hold a file against the digits of its SHA-256 that its name may have, as torch.hub does."""
    digits = re.search(r"-([0-9a-f]{8})\.", name)
    return digits is None or sha256.startswith(digits[1])
