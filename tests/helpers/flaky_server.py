"""A file server on the loopback interface with faults, planned request by request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class FlakyServer(ThreadingHTTPServer):
    """Serves ``content`` under every path, with ranges and validators; ``tricks`` are played first, one a request."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.etag: str | None = '"one"'
        self.modified: str | None = None
        self.has_ranges = True
        self.tricks: list[Trick] = []
        self.always: Trick = Handler.send_file
        self.seen: list[dict[str, str]] = []  # the headers of every request, names in lower case, and its path as :path
        self.url = f"http://127.0.0.1:{self.server_port}/file.zip"

    def ranges(self) -> list[str | None]:
        """Range header of every request."""
        return [headers.get("range") for headers in self.seen]


class Handler(BaseHTTPRequestHandler):
    server: FlakyServer

    def log_message(self, format: str, *arguments: Any) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        server = self.server
        server.seen.append({name.lower(): value for name, value in self.headers.items()} | {":path": self.path})
        trick = server.tricks.pop(0) if server.tricks else server.always
        with suppress(ConnectionError):
            trick(self)

    def send_head(self, status: int, headers: Mapping[str, str | None]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def send_file(self, until: int | None = None, piece: int = 1 << 20, pause: float = 0.0, **changes: str | None) -> None:
        """Answer like a correct server, but stop before byte ``until`` and change headers (``Content_Range=...``)."""
        server, size = self.server, len(self.server.content)
        start, validator = 0, self.headers.get("If-Range")
        if server.has_ranges and "Range" in self.headers and validator in (None, server.etag, server.modified):
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if start >= size > 0:
            return self.send_head(416, {"Content-Range": f"bytes */{size}"})
        headers = {
            "ETag": server.etag,
            "Last-Modified": server.modified,
            "Content-Length": str(size - start),
            "Content-Range": f"bytes {start}-{size - 1}/{size}" if start else None,
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        self.send_head(206 if start else 200, headers)
        for at in range(start, size if until is None else until, piece):
            self.wfile.write(server.content[at : min(at + piece, size if until is None else until)])
            time.sleep(pause)


Trick = Callable[[Handler], None]


def cut(until: int) -> Trick:
    """The connection ends before byte ``until``."""
    return lambda handler: handler.send_file(until)


def drip(piece: int, pause: float) -> Trick:
    """A few bytes at a time."""
    return lambda handler: handler.send_file(piece=piece, pause=pause)


def answer(status: int, body: bytes = b"", **headers: str) -> Trick:
    """An answer without the file."""

    def trick(handler: Handler) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.send_head(status, {"Content-Length": str(len(body))} | named)
        handler.wfile.write(body)

    return trick


def chunked(body: bytes, **headers: str) -> Trick:
    """A chunked body, without a length."""

    def trick(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_head(200, {"Transfer-Encoding": "chunked", "Connection": "close", **headers})
        for at in range(0, len(body), 5000):
            piece = body[at : at + 5000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    return trick


@contextmanager
def serving(content: bytes) -> Iterator[FlakyServer]:
    """A running server."""
    with FlakyServer(content) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until a condition of a server or a process holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "does not happen"
        time.sleep(0.005)
