"""Downloads that go on where they stopped, try every mirror, and put nothing under the final name that is not checked.

Beside the target lie, hidden, a lock and for each mirror a partial file with a note of what it is a part of. It is continued
only where the server proves that it still has the same file. After a success all of these are removed but the lock.
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
READ_SECONDS = 30.0  # without a single byte
STALL_BYTES, STALL_SECONDS = 16 << 10, 30.0  # fewer bytes than this in that time count as stalled
TRIES, FRUITLESS_TRIES = 100, 6  # of one mirror: in all, and one after the other that bring nothing new
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0  # between tries: the first, doubled each time up to the second
LONGEST_RETRY_AFTER_SECONDS = 120.0  # that a server may ask for
REPORT_SECONDS = 0.2
REDIRECTS = 10
SIZE_LIMIT = 64 << 30  # bytes, where neither the card nor the server names a size

HTML = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body|script|!--)", re.IGNORECASE)

Report = Callable[[int, "int | None"], None]  # bytes that are there, bytes in all where known
Check = Callable[[Path], None]


@dataclass(frozen=True)
class Remote:
    """A file on one or more servers, and what is known of it beforehand."""

    name: str  # the file, in messages
    urls: tuple[str, ...]  # mirrors (http, https), the preferred first
    bytes: int | None = None  # exact size where it is known
    sha256: str | None = None  # 64 hex digits where it is known


class DownloadFailed(UsageError):
    """No mirror gave the file. The message is one line: every mirror's reason, and how to mend it."""


class _GivenUp(Exception):
    """A mirror is of no use, for the reason in the message."""


class _WrongFile(_GivenUp):
    """A mirror sent something else than the file: what came of it is worth nothing."""


class _Transient(Exception):
    """A try failed in a way that the next may not. It was fruitful if it brought at least ``fruit`` new bytes."""

    def __init__(self, reason: str, wait: float = 0.0, fruit: int = 1) -> None:
        super().__init__(reason)
        self.wait, self.fruit = wait, fruit  # wait: seconds that the server asks for


def download(remote: Remote, target: Path, report: Report = lambda done, total: None, check: Check = lambda path: None) -> str:
    """Bring a file to ``target``, whole and checked, and return its sha256 (hex).

    Where ``target`` has the card's sha256 no server is asked. Otherwise mirrors are tried in turn, each as often as makes
    sense, and ``target`` is replaced only by a file that is complete and right. Proxy variables are honoured.

    Args:
        remote: what to fetch, and from where.
        target: where the file goes; its folder is made.
        report: told several times a second while bytes come, and at the end, how many bytes are there. What it raises ends
            the download; a later call goes on from there.
        check: sees the complete file under a temporary name beside ``target`` and raises where it is not good.

    Raises:
        DownloadFailed: no mirror gave the file.
        UsageError: the folder cannot be written or the disk is too full; what has come is kept for a later call.
    """
    from filelock import FileLock

    with on_disk(target.parent):
        is_folder = target.is_dir()
    if is_folder:
        raise UsageError(f"{target}: is a folder, and {remote.name} is a file: move the folder away")
    before, lock = stamp(target), FileLock(target.with_name(f".{target.name}.lock"))
    digest = _good(target, remote, check) if remote.sha256 else None
    if digest is None:
        with on_disk(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            changed = before != stamp(target)  # by another process, while this one waited
            digest = (_good(target, remote, check) if changed else None) or _from_mirrors(remote, target, report, check)
        finally:
            lock.release()
    report(target.stat().st_size, target.stat().st_size)
    return digest


def _good(target: Path, remote: Remote, check: Check) -> str | None:
    """The sha256 of ``target`` where it is what the card says or, where that names none, passes ``check``."""
    try:
        digest = hash_file(target).hexdigest()
        _judge(target, digest, remote, (lambda path: None) if remote.sha256 else check)
    except (OSError, _GivenUp):
        return None
    return digest


def _judge(path: Path, digest: str, remote: Remote, check: Check) -> None:
    """Raises _GivenUp where a complete file is not what the card says or does not pass ``check``."""
    size = path.stat().st_size
    if remote.sha256 and digest != remote.sha256.lower():
        raise _WrongFile(f"sent a file with sha256 {digest}, not {remote.sha256}")
    if not remote.sha256 and (size != remote.bytes if remote.bytes is not None else size == 0):
        raise _WrongFile(f"sent {size} bytes")
    try:
        check(path)
    except Exception as error:
        # With the right hash it is the card that is at fault: the bytes are not thrown away
        raise (_GivenUp if remote.sha256 else _WrongFile)(f"sent a file that fails its check ({one_line(error)})") from error


def _without_credentials(text: str) -> str:
    """Greedy, since a password that was not percent-encoded may hold any character."""
    return re.sub(r"//(\S*:\S*|[^/\s]*)@", "//***@", text)


def _from_mirrors(remote: Remote, target: Path, report: Report, check: Check) -> str:
    """Put the file from the first mirror that has it at ``target``; its sha256."""
    reasons, watch = [], _Watch(report)
    with _client() as client:
        for url in remote.urls:
            try:
                mirror = _Mirror(client, url, remote, target, watch)
                digest = mirror.fetch(check)
            except _GivenUp as error:
                reasons.append(_without_credentials(f"{url}: {error}"))
                continue
            with on_disk(target.parent):
                mirror.part.path.replace(target)
            remove_parts(target)
            return digest
    raise DownloadFailed(
        f"{remote.name}: no mirror gave the file: {'; '.join(reasons) or 'it has none'}: "
        "check the network and run again, which goes on where it stopped"
    )


def _client() -> httpx.Client:
    """Raises UsageError where proxy or certificate variables are of no use."""
    import httpx

    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    # A compressed transfer could be neither compared with the known size nor resumed
    headers = {"Accept-Encoding": "identity", "User-Agent": "cincgan-benchmark"}
    try:
        return httpx.Client(timeout=timeout, headers=headers)
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
        reason = _without_credentials(one_line(error))
        raise UsageError(f"HTTPS_PROXY, SSL_CERT_FILE or their like cannot be used ({reason}): mend or unset them") from error


class _Watch:
    """Sees every block come in: holds the server to its pace, and tells the caller."""

    def __init__(self, report: Report) -> None:
        self.report, self.most, self.told = report, 0, -REPORT_SECONDS
        self.since, self.mark = 0.0, 0

    def begin(self, done: int) -> None:
        """A body begins, behind ``done`` bytes that are there."""
        self.since, self.mark = time.monotonic(), done

    def update(self, done: int, total: int | None) -> None:
        """Tell the caller: not too often, and never backwards where a file is begun anew. Raises _Transient at a slow drip."""
        now, self.most = time.monotonic(), max(self.most, done)
        if now - self.told >= REPORT_SECONDS:
            self.told = now
            self.report(self.most if total is None else min(self.most, total), total)
        if now - self.since >= STALL_SECONDS:
            if done - self.mark < STALL_BYTES:
                raise _Transient(f"stalled: {done - self.mark} bytes in {now - self.since:.1f} s", fruit=STALL_BYTES)
            self.begin(done)


class _Mirror:
    """One address of the file, and the tries to get it from there."""

    def __init__(self, client: httpx.Client, url: str, remote: Remote, target: Path, watch: _Watch) -> None:
        self.client, self.remote, self.watch, self.folder = client, remote, watch, target.parent
        self.address, self.credentials = _parse(url)
        self.part = Part(target, str(self.address))
        self.start = 0  # byte at which the latest try began
        self.resumed = False  # whether any of the file comes from a partial file

    def fetch(self, check: Check, once_more: bool = True) -> str:
        """Leave the complete and checked file at ``self.part.path``; its sha256. Raises _GivenUp."""
        try:
            digest = self._persist()
            _judge(self.part.path, digest, self.remote, check)
            return digest
        except _WrongFile:
            self.part.discard()
            if not (self.resumed and once_more):
                raise
        self.resumed = False
        return self.fetch(check, once_more=False)

    def _persist(self) -> str:
        """Try until the file is complete; its sha256. Raises _GivenUp."""
        tries = fruitless = most = 0
        while True:
            try:
                return self._attempt(self.part.note(self.remote.bytes))
            except _Transient as trouble:
                # From zero, only what goes beyond the most so far is new: a server without ranges may always stop at one point
                new = self.part.size() - (self.start or most)
                most = max(most, self.part.size())
                tries, fruitless = tries + 1, 0 if new >= trouble.fruit else fruitless + 1
                if fruitless == FRUITLESS_TRIES or tries == TRIES:
                    raise _GivenUp(f"{trouble} ({tries} tries)") from trouble
                pause = min(PAUSE_SECONDS * 2 ** max(fruitless - 1, 0), LONGEST_PAUSE_SECONDS)
                time.sleep(max(trouble.wait, pause))

    def _attempt(self, note: Note | None) -> str:
        """Ask once for what is missing; at least for the last byte, so that the server always has its say."""
        self.start = size = self.part.size()
        offset = min(size, note.total - 1) if note else 0
        with on_disk(self.folder):  # hash before the server is asked, which would not wait
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
        """The answer after all redirects, its body not read."""
        headers = {"Range": f"bytes={offset}-", "If-Range": note.validator} if note else {}
        request, auth = self.client.build_request("GET", self.address, headers=headers), self.credentials
        for _ in range(REDIRECTS + 1):
            if not self.remote.sha256 and (self.address.scheme, request.url.scheme) == ("https", "http"):
                raise _GivenUp("leads from https to http, and no checksum is known")
            if request.url.scheme not in ("http", "https"):
                raise _GivenUp(f"leads to an address that is neither http nor https but '{request.url.scheme}'")
            response = self.client.send(request, auth=auth, stream=True)
            if response.next_request is None:
                return response
            response.close()
            request, auth = response.next_request, None  # httpx hands the credentials on within one origin only
        raise _GivenUp(f"redirects more than {REDIRECTS} times")

    def _accept(self, response: httpx.Response, note: Note | None) -> int | None:
        """Judge an answer by its head; the size of the whole, in bytes, where it is known."""
        status, headers, known = response.status_code, response.headers, self.remote.bytes
        answered = f"answered {status} {response.reason_phrase}".strip()
        if status in (408, 429) or status // 100 == 5:
            raise _Transient(answered, wait=_retry_after(headers.get("retry-after", "")))
        if status != 200 and not (note and status == 206):
            raise _GivenUp(answered)
        if "html" in headers.get("content-type", "").lower():
            raise _GivenUp("sent an HTML page, not the file")
        if (encoding := headers.get("content-encoding", "identity")).lower() != "identity":
            raise _GivenUp(f"sent the file in content encoding '{encoding}', which was not asked for")
        if note and status == 206:
            return note.total
        announced = whole_number(headers.get("content-length", ""))
        if announced is not None and (announced != known if known is not None else announced > SIZE_LIMIT):
            raise _GivenUp(f"announces {announced} bytes, not {f'at most {SIZE_LIMIT}' if known is None else known}")
        return known if announced is None else announced

    def _receive(self, response: httpx.Response, total: int | None, digest: hashlib._Hash) -> str:
        """Read the body to its end, put it on disk behind the ``self.start`` bytes that are there; the sha256 of all."""
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
                rest = memoryview(chunk)
                with on_disk(self.folder, None if total is None else total - size):
                    while rest:  # an unbuffered file takes what fits
                        rest = rest[file.write(rest) :]
                size += len(chunk)
                digest.update(chunk)
                self.watch.update(size, total)
            if total is not None and size < total:
                raise _Transient(f"sent only {size} of {total} bytes")
            with on_disk(self.folder):
                os.fsync(file.fileno())
        return digest.hexdigest()


def _parse(url: str) -> tuple[httpx.URL, tuple[str, str] | None]:
    """An address without its user name and password, which then turn up in no log, and these."""
    import httpx

    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _GivenUp("is no valid address") from error
    return address.copy_with(userinfo=b""), (address.username, address.password) if address.userinfo else None


@contextmanager
def _network() -> Iterator[None]:
    """Sorts httpx's errors into those that may pass and those that will not."""
    import httpx

    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise _GivenUp(f"cannot be reached ({one_line(error)})") from error
    except httpx.TimeoutException as error:
        raise _Transient(f"stalled ({one_line(error)})", fruit=STALL_BYTES) from error
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise _Transient(f"broke off ({one_line(error)})") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _GivenUp(one_line(error)) from error


def _retry_after(text: str) -> float:
    """Seconds that a server asks to be left alone, at most ``LONGEST_RETRY_AFTER_SECONDS``; 0 where it does not."""
    seconds = 0.0
    with suppress(ValueError, TypeError, OverflowError):
        number = whole_number(text)
        seconds = parsedate_to_datetime(text).timestamp() - time.time() if number is None else float(number)
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
