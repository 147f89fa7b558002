"""Download a file over http, https or file addresses, with retries and resume.

Why not pooch: it cannot resume, and these archives have gigabytes. This module also refuses https to http redirects,
and files larger than expected.
"""

from __future__ import annotations

import http.client
import logging
import os
import re
import shutil
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from fcn_repro.errors import DataError
from fcn_repro.system.progress import Progress

MB = 1 << 20
RETRIES = 6  # consecutive ones without progress; with the pauses between them, a minute
TIMEOUT_S = 30.0
RETRY_STATUS = (408, 425, 429, 500, 502, 503, 504)  # temporary errors

log = logging.getLogger(__name__)


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects from https to unencrypted addresses."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.full_url.lower().startswith("https:") and not newurl.lower().startswith("https:"):
            raise DataError(f"{req.full_url}: got a redirect to {newurl}; expected an https address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_SecureRedirects)


class _Interrupted(Exception):
    """The download stopped for a temporary reason."""


class _Unreachable(_Interrupted):
    """The address is unreachable; a temporary error only if it was reachable before."""


def download(url: str, part: Path, pause_s: float = 1.0, max_bytes: int | None = None) -> None:
    """Download `url` to `part`, resuming from the bytes in `part` if the server's file is unchanged.

    Retries after interruptions with pauses that double from `pause_s`; RETRIES retries without progress end it.

    Raises   DataError with the reason; `part` keeps the bytes so far. An unreachable address, more than `max_bytes`,
             and a redirect from https to http fail without retries.
    """
    failures, reached = 0, False
    while True:
        before = _size(part)
        try:
            _attempt(url, part, max_bytes)
            break
        except _Interrupted as error:
            reached = reached or not isinstance(error, _Unreachable)
            failures = 1 if _size(part) > before else failures + 1
            if failures > RETRIES or not reached:
                raise DataError(f"{url}: {error}") from error
            pause = pause_s * 2 ** (failures - 1)
            log.warning("%s: %s; retrying in %.0f s", url, error, pause)
            time.sleep(pause)
    _version_file(part).unlink(missing_ok=True)


def _attempt(url: str, part: Path, max_bytes: int | None) -> None:
    have = _size(part)
    try:
        with _OPENER.open(_request(url, part, have), timeout=TIMEOUT_S) as response:
            start = _parse_start(response, have)
            _save_version(part, response)
            _receive(response, part, start, url, max_bytes)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            return _check_complete(part, have, error)
        answer = f"got {error.code} {error.reason} from the server"
        raise (_Interrupted(answer) if error.code in RETRY_STATUS else DataError(f"{url}: {answer}")) from error
    except urllib.error.URLError as error:
        raise _Unreachable(f"unreachable ({error.reason})") from error
    except (ConnectionError, socket.timeout, http.client.HTTPException) as error:
        raise _Interrupted(f"connection lost ({type(error).__name__}: {error})") from error


def _request(url: str, part: Path, have: int) -> urllib.request.Request:
    headers = {"User-Agent": "fcn-repro"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if _version_file(part).is_file():  # without a version, only the digest shows a change
            headers["If-Range"] = _version_file(part).read_text(encoding="latin-1")
    return urllib.request.Request(url, headers=headers)


def _parse_start(response: http.client.HTTPResponse, have: int) -> int:
    """The position of the response's first byte; 0 when the server sends the whole file."""
    if getattr(response, "status", 200) != 206:
        return 0
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if not found or int(found.group(1)) != have:
        raise _Interrupted(f"got {response.headers.get('Content-Range')} from the server; expected bytes {have}-")
    return have


def _receive(response: http.client.HTTPResponse, part: Path, start: int, url: str, max_bytes: int | None) -> None:
    length = response.headers.get("Content-Length")
    total = start + int(length) if length else None
    if total and total - start > shutil.disk_usage(str(part.parent)).free:
        raise DataError(f"{url}: {total - start} bytes left; expected as much free space on the disk of {part.parent}")
    bar = Progress((total or start) // MB, f"download {part.stem}", unit="MB", done=start // MB)
    with open(str(part), "r+b" if start else "wb") as file, bar:
        file.seek(start)
        while True:
            block = response.read(MB // 4)
            if not block:
                break
            file.write(block)
            if max_bytes is not None and file.tell() > max_bytes:
                file.truncate(0)
                raise DataError(f"{url}: got more bytes than the expected {max_bytes}")
            bar.advance(file.tell() // MB - bar.done)
        file.truncate()
    if total is not None and _size(part) < total:
        raise _Interrupted(f"connection lost after {_size(part)} of {total} bytes")


def _check_complete(part: Path, have: int, error: urllib.error.HTTPError) -> None:
    """Handle the answer that no bytes follow ours: the file is complete, or ours is another one."""
    if error.headers.get("Content-Range") != f"bytes */{have}":
        os.truncate(str(part), 0)
        raise _Interrupted("the server's file is shorter than the download; restarting") from error


def _save_version(part: Path, response: http.client.HTTPResponse) -> None:
    """Save the server's version of the file, so that a resumed download requests the same version."""
    etag = response.headers.get("ETag", "")
    version = etag if etag.startswith('"') else response.headers.get("Last-Modified")
    if version:
        _version_file(part).write_text(version, encoding="latin-1")
    else:
        _version_file(part).unlink(missing_ok=True)


def _version_file(part: Path) -> Path:
    return part.with_suffix(".version")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
