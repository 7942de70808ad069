"""Downloads that resume, try every mirror, and give the final name to a complete and checked file only.

Beside the target lie hidden files: a lock and, for each mirror, a partial file with a note of its origin. A partial file is
continued only if the server proves that it still has the same file. After a success all of them are removed but the lock.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.core.errors import UsageError
from benchmarks.core.files import hash_file
from benchmarks.core.locks import locked
from benchmarks.core.secrets import address_without_secrets, without_secrets
from benchmarks.data.acquisition.partial import (
    Note,
    Part,
    is_continued,
    on_disk,
    one_line,
    remove_parts,
    stamp,
    validator_of,
    whole_number,
)

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 20.0
READ_SECONDS = 30.0  # limit without a single byte
STALL_BYTES, STALL_SECONDS = 16 << 10, 30.0  # a transfer of fewer bytes in that time counts as stalled
TRIES, TRIES_WITHOUT_PROGRESS = 100, 6  # limits for one mirror: in all, and in a row without new bytes
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0  # between tries: the first pause; doubled each time up to the longest
LONGEST_RETRY_AFTER_SECONDS = 120.0  # the longest pause that a server may ask for
REPORT_SECONDS = 0.2
REDIRECTS = 10
SIZE_LIMIT = 64 << 30  # bytes, if neither the card nor the server names a size

HTML = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body|script|!--)", re.IGNORECASE)

ProgressCallback = Callable[[int, "int | None"], None]  # bytes done; bytes in all, if known
Check = Callable[[Path], None]


@dataclass(frozen=True)
class Remote:
    """A file on one or more servers.

    Attributes:
        name: of the file, in messages.
        urls: mirrors (http, https), the preferred first.
        bytes: exact size, if known.
        sha256: 64 hexadecimal digits, if known.
    """

    name: str
    urls: tuple[str, ...]
    bytes: int | None = None
    sha256: str | None = None


class DownloadFailed(UsageError):
    """No mirror gave the file. The message is one line: the reason of every mirror, and how to mend it.

    Attributes:
        wrong_hash: whether a mirror sent a complete file with another SHA-256 than the expected one.
    """

    def __init__(self, message: str, wrong_hash: bool = False) -> None:
        super().__init__(message)
        self.wrong_hash = wrong_hash


class _MirrorFailed(Exception):
    """A mirror cannot give the file, for the reason in the message."""


class _WrongFile(_MirrorFailed):
    """A mirror sent another file: the partial file is discarded."""


class _WrongHash(_WrongFile):
    """A mirror sent a complete file with another SHA-256 than the expected one."""


class _Retryable(Exception):
    """A failure that a further try may not have. The retry counter is reset if at least ``min_new_bytes`` arrived.

    Attributes:
        wait: seconds that the server asks to wait.
        min_new_bytes: new bytes that count as progress.
    """

    def __init__(self, reason: str, wait: float = 0.0, min_new_bytes: int = 1) -> None:
        super().__init__(reason)
        self.wait, self.min_new_bytes = wait, min_new_bytes


def download(
    remote: Remote, target: Path, report: ProgressCallback = lambda done, total: None, check: Check = lambda path: None
) -> str:
    """Download a file to ``target``, complete and checked.

    If ``target`` has the expected SHA-256, no server is asked. Otherwise mirrors are tried in turn, each until it fails for good,
    and ``target`` is replaced only by a complete and correct file. Proxy variables are honoured.

    Args:
        remote: the file, its mirrors, and its size and hash if known.
        target: path of the file; its folder is made.
        report: called with the bytes done and the bytes in all, several times a second and at the end. If it raises, the download
            ends; a later call resumes it.
        check: called with the path of the complete file, a temporary name beside ``target``; raises if the content is bad.

    Returns:
        SHA-256 of the file, in hexadecimal digits.

    Raises:
        DownloadFailed: no mirror gave the file.
        UsageError: the folder cannot be written or the disk is too full; bytes that have come are kept for a later call.
    """
    with on_disk(target.parent):
        is_folder = target.is_dir()
    if is_folder:
        raise UsageError(f"{target}: is a folder, and {remote.name} is a file: move the folder away")
    before = stamp(target)
    digest = _good(target, remote, check) if remote.sha256 else None
    if digest is None:
        with locked(target.with_name(f".{target.name}.lock"), "check permissions, or choose another folder"):
            changed = before != stamp(target)  # by another process that held the lock
            digest = (_good(target, remote, check) if changed else None) or _from_mirrors(remote, target, report, check)
    report(target.stat().st_size, target.stat().st_size)
    return digest


def _good(target: Path, remote: Remote, check: Check) -> str | None:
    """SHA-256 of ``target`` if it is the expected one or, where none is known, if the file passes ``check``; else None."""
    try:
        digest = hash_file(target).hexdigest()
        _check_whole(target, digest, remote, (lambda path: None) if remote.sha256 else check)
    except (OSError, _MirrorFailed):
        return None
    return digest


def _check_whole(path: Path, digest: str, remote: Remote, check: Check) -> None:
    """Raise _MirrorFailed if a complete file has another hash or size than expected, or fails ``check``."""
    size = path.stat().st_size
    if remote.sha256 and digest != remote.sha256.lower():
        raise _WrongHash(f"sent a file with sha256 {digest}, not {remote.sha256}")
    if not remote.sha256 and (size != remote.bytes if remote.bytes is not None else size == 0):
        raise _WrongFile(f"sent {size} bytes")
    try:
        check(path)
    except Exception as error:
        # If the hash is right, the card is at fault: the file is kept.
        raise (_MirrorFailed if remote.sha256 else _WrongFile)(f"sent a file that fails its check ({one_line(error)})") from error


def _from_mirrors(remote: Remote, target: Path, report: ProgressCallback, check: Check) -> str:
    """Download the file from the first mirror that has it to ``target``. Returns its SHA-256."""
    reasons, watch, wrong_hash = [], _Watch(report), False
    with _client() as client:
        for url in remote.urls:
            try:
                mirror = _Mirror(client, url, remote, target, watch)
                digest = mirror.fetch(check)
            except _MirrorFailed as error:
                reasons.append(f"{address_without_secrets(url)}: {without_secrets(str(error), url)}")
                wrong_hash |= isinstance(error, _WrongHash)
                continue
            with on_disk(target.parent):
                mirror.part.path.replace(target)
            remove_parts(target)
            return digest
    raise DownloadFailed(
        f"{remote.name}: no mirror gave the file: {'; '.join(reasons) or 'it has none'}: "
        "check the network and run again, which goes on where it stopped",
        wrong_hash,
    )


def _client() -> httpx.Client:
    """HTTP client with this module's timeouts. Raises UsageError if proxy or certificate variables cannot be used."""
    import httpx

    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    # A compressed transfer could be neither compared with the known size nor resumed.
    headers = {"Accept-Encoding": "identity", "User-Agent": "cincgan-benchmark"}
    try:
        return httpx.Client(timeout=timeout, headers=headers)
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
        proxies = [value for name, value in os.environ.items() if name.lower().endswith("_proxy")]
        reason = without_secrets(one_line(error), *proxies)
        raise UsageError(f"HTTPS_PROXY, SSL_CERT_FILE or their like cannot be used ({reason}): mend or unset them") from error


class _Watch:
    """Progress of a download: reports it to the caller and detects stalled transfers."""

    def __init__(self, report: ProgressCallback) -> None:
        self.report, self.most, self.reported_at = report, 0, -REPORT_SECONDS
        self.window_start, self.window_bytes = 0.0, 0  # start of the current stall window: time and bytes

    def begin(self, done: int) -> None:
        """Start a stall window at ``done`` bytes."""
        self.window_start, self.window_bytes = time.monotonic(), done

    def update(self, done: int, total: int | None) -> None:
        """Report progress, at most every ``REPORT_SECONDS`` and never backwards. Raises _Retryable if the transfer stalls."""
        now, self.most = time.monotonic(), max(self.most, done)
        if now - self.reported_at >= REPORT_SECONDS:
            self.reported_at = now
            self.report(self.most if total is None else min(self.most, total), total)
        if now - self.window_start >= STALL_SECONDS:
            if done - self.window_bytes < STALL_BYTES:
                stalled = f"stalled: {done - self.window_bytes} bytes in {now - self.window_start:.1f} s"
                raise _Retryable(stalled, min_new_bytes=STALL_BYTES)
            self.begin(done)


class _Mirror:
    """Download of the file from one server: address, partial file, and state of the latest try."""

    def __init__(self, client: httpx.Client, url: str, remote: Remote, target: Path, watch: _Watch) -> None:
        self.client, self.remote, self.watch, self.folder = client, remote, watch, target.parent
        self.address, self.credentials = _parse(url)
        self.part = Part(target, str(self.address))
        self.start = 0  # byte at which the latest try began
        self.resumed = False  # whether some of the bytes come from an earlier partial file

    def fetch(self, check: Check, once_more: bool = True) -> str:
        """Download the complete and checked file to ``self.part.path``. Returns its SHA-256. Raises _MirrorFailed."""
        try:
            digest = self._persist()
            _check_whole(self.part.path, digest, self.remote, check)
            return digest
        except _WrongFile:
            self.part.discard()
            if not (self.resumed and once_more):
                raise
        self.resumed = False
        return self.fetch(check, once_more=False)

    def _persist(self) -> str:
        """Try until the file is complete. Returns its SHA-256. Raises _MirrorFailed."""
        tries = tries_without_progress = largest_size = 0
        while True:
            try:
                return self._attempt(self.part.note(self.remote.bytes))
            except _Retryable as failure:
                # After a start from zero, bytes up to the largest size so far are not new: a server without ranges may always
                # stop at the same place.
                new_bytes = self.part.size() - (self.start or largest_size)
                largest_size = max(largest_size, self.part.size())
                tries, tries_without_progress = tries + 1, 0 if new_bytes >= failure.min_new_bytes else tries_without_progress + 1
                if tries_without_progress == TRIES_WITHOUT_PROGRESS or tries == TRIES:
                    raise _MirrorFailed(f"{failure} ({tries} tries)") from failure
                pause = min(PAUSE_SECONDS * 2 ** max(tries_without_progress - 1, 0), LONGEST_PAUSE_SECONDS)
                time.sleep(max(failure.wait, pause))

    def _attempt(self, note: Note | None) -> str:
        """Request the missing bytes once: at least the last one, so that the server always confirms that its file is the same."""
        self.start = size = self.part.size()
        offset = min(size, note.total - 1) if note else 0
        with on_disk(self.folder):  # hashed before the request: a server would not wait for it
            digest = hash_file(self.part.path, offset) if offset else hashlib.sha256()
        with _network(), closing(self._ask(note, offset)) as response:
            if note is None or is_continued(response, note, offset):
                total = self._accept(response, note)
                self.start = offset if response.status_code == 206 else 0
                self.resumed |= self.start > 0
                return self._receive(response, total, digest if self.start else hashlib.sha256())
        self.part.discard()
        return self._attempt(None)

    def _ask(self, note: Note | None, offset: int) -> httpx.Response:
        """Send the request and follow redirects. Returns the response; its body is not read."""
        headers = {"Range": f"bytes={offset}-", "If-Range": note.validator} if note else {}
        request, auth = self.client.build_request("GET", self.address, headers=headers), self.credentials
        for _ in range(REDIRECTS + 1):
            if not self.remote.sha256 and (self.address.scheme, request.url.scheme) == ("https", "http"):
                raise _MirrorFailed("leads from https to http, and no checksum is known")
            if request.url.scheme not in ("http", "https"):
                raise _MirrorFailed(f"leads to an address that is neither http nor https but '{request.url.scheme}'")
            response = self.client.send(request, auth=auth, stream=True)
            if response.next_request is None:
                return response
            response.close()
            request, auth = response.next_request, None  # httpx passes credentials on within one origin only
        raise _MirrorFailed(f"redirects more than {REDIRECTS} times")

    def _accept(self, response: httpx.Response, note: Note | None) -> int | None:
        """Check status and headers of a response. Returns the size of the whole file in bytes, if known."""
        status, headers, expected = response.status_code, response.headers, self.remote.bytes
        answered = f"answered {status} {response.reason_phrase}".strip()
        if status in (408, 429) or status // 100 == 5:
            raise _Retryable(answered, wait=_retry_after(headers.get("retry-after", "")))
        if status != 200 and not (note and status == 206):
            raise _MirrorFailed(answered)
        if "html" in headers.get("content-type", "").lower():
            raise _MirrorFailed("sent an HTML page, not the file")
        if (encoding := headers.get("content-encoding", "identity")).lower() != "identity":
            raise _MirrorFailed(f"sent the file in content encoding '{encoding}', which was not asked for")
        if note and status == 206:
            return note.total
        announced = whole_number(headers.get("content-length", ""))
        if announced is not None and (announced != expected if expected is not None else announced > SIZE_LIMIT):
            raise _MirrorFailed(f"announces {announced} bytes, not {f'at most {SIZE_LIMIT}' if expected is None else expected}")
        return expected if announced is None else announced

    def _receive(self, response: httpx.Response, total: int | None, digest: hashlib._Hash) -> str:
        """Write the body to disk behind the first ``self.start`` bytes. Returns the SHA-256 of the whole file."""
        size, limit = self.start, SIZE_LIMIT if total is None else total
        with on_disk(self.folder, None if total is None else total - size):
            if total is not None and shutil.disk_usage(self.folder).free < total - self.part.size():
                raise OSError(errno.ENOSPC, "")
            file = self.part.open(self.start, validator_of(response.headers), total)
        self.watch.begin(size)
        with file:
            for chunk in response.iter_raw():
                if size == 0 and HTML.match(chunk):
                    raise _WrongFile("sent an HTML page, not the file")
                if size + len(chunk) > limit:
                    raise _WrongFile(f"sent more than {limit} bytes")
                unwritten = memoryview(chunk)
                with on_disk(self.folder, None if total is None else total - size):
                    while unwritten:  # an unbuffered file may write a part only
                        unwritten = unwritten[file.write(unwritten) :]
                size += len(chunk)
                digest.update(chunk)
                self.watch.update(size, total)
            if total is not None and size < total:
                raise _Retryable(f"sent only {size} of {total} bytes")
            with on_disk(self.folder):
                os.fsync(file.fileno())
        return digest.hexdigest()


def _parse(url: str) -> tuple[httpx.URL, tuple[str, str] | None]:
    """Split an address into the address without credentials, which is safe to log, and user name and password."""
    import httpx

    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _MirrorFailed("is no valid address") from error
    return address.copy_with(userinfo=b""), (address.username, address.password) if address.userinfo else None


@contextmanager
def _network() -> Iterator[None]:
    """Turn errors of httpx into _Retryable or _MirrorFailed."""
    import httpx

    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise _MirrorFailed(f"cannot be reached ({one_line(error)})") from error
    except httpx.TimeoutException as error:
        raise _Retryable(f"stalled ({one_line(error)})", min_new_bytes=STALL_BYTES) from error
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise _Retryable(f"broke off ({one_line(error)})") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _MirrorFailed(one_line(error)) from error


def _retry_after(text: str) -> float:
    """Seconds of a Retry-After header, at most ``LONGEST_RETRY_AFTER_SECONDS``; 0 if there is none."""
    seconds = 0.0
    with suppress(ValueError, TypeError, OverflowError):
        number = whole_number(text)
        seconds = parsedate_to_datetime(text).timestamp() - time.time() if number is None else float(number)
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
