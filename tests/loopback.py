"""A web server on the loopback address that serves one folder with Range support, and misbehaves on demand."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path


class Server(http.server.ThreadingHTTPServer):
    """Serves the files of `folder`; every request is noted in `requests` as (path, Range header)."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.requests: list = []
        self.drop_after: list = []  # for the coming responses: bytes after which the connection is dropped
        self.answers: list = []  # for the coming requests: status codes to give instead of the file
        self.ranges = True  # whether Range is honoured
        self.versions = True  # whether an ETag is given

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Clients may hang up: nothing to report."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range")))
        path = self.server.folder / self.path.lstrip("/")
        if self.server.answers:
            return self.send_error(self.server.answers.pop(0))
        if not path.is_file():
            return self.send_error(404)
        content = path.read_bytes()
        version = f'"{hashlib.md5(content).hexdigest()}"'
        start = self._start(version)
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.server.versions:
            self.send_header("ETag", version)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.server.drop_after:
            content = content[: start + self.server.drop_after.pop(0)]
            self.close_connection = True
        self.wfile.write(content[start:])

    def _start(self, version: str) -> int:
        wanted = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", version) == version
        return int(wanted.group(1)) if wanted and same and self.server.ranges else 0

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def unused_address() -> str:
    """An address at which nothing listens."""
    with Server(Path()) as server:
        return server.address
