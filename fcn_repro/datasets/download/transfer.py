"""Bring a file from an address to this disk, through interruptions: http, https and file."""

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
RETRIES = 6  # in a row without a byte gained; with the pauses between them, a minute
TIMEOUT_S = 30.0
BUSY = (408, 425, 429, 500, 502, 503, 504)  # answers that may be better next time

log = logging.getLogger(__name__)


class _Confined(urllib.request.HTTPRedirectHandler):
    """Follows no address from https to one that anybody on the way can answer for."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.full_url.lower().startswith("https:") and not newurl.lower().startswith("https:"):
            raise DataError(f"{req.full_url}: leads to {newurl}; expected an address with https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_Confined)


class _Interrupted(Exception):
    """The download stopped for a reason that may pass."""


class _Unreachable(_Interrupted):
    """There is no way to the address: passing trouble if there was one a moment ago."""


def download(url: str, part: Path, pause_s: float = 1.0, most: int | None = None) -> None:
    """Make `part` the whole of what is at `url`; what it holds already is kept when the server still has the same.

    An address that sends more than `most` bytes, or leads from https to what is not, is given up, too.

    Interruptions are tried again, after pauses that double from `pause_s`, until none of RETRIES gained a byte.
    An address that cannot be reached at all is given up at once.

    Raises   DataError saying what stopped it; `part` keeps what has come so far.
    """
    failures, reached = 0, False
    while True:
        before = _size(part)
        try:
            _attempt(url, part, most)
            break
        except _Interrupted as error:
            reached = reached or not isinstance(error, _Unreachable)
            failures = 1 if _size(part) > before else failures + 1
            if failures > RETRIES or not reached:
                raise DataError(f"{url}: {error}") from error
            pause = pause_s * 2 ** (failures - 1)
            log.warning("%s: %s; trying again in %.0f s", url, error, pause)
            time.sleep(pause)
    _version_file(part).unlink(missing_ok=True)


def _attempt(url: str, part: Path, most: int | None) -> None:
    have = _size(part)
    try:
        with _OPENER.open(_request(url, part, have), timeout=TIMEOUT_S) as response:
            start = _start(response, have)
            _note_version(part, response)
            _receive(response, part, start, url, most)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            return _settle_overrun(part, have, error)
        answer = f"the server answered {error.code} {error.reason}"
        raise (_Interrupted(answer) if error.code in BUSY else DataError(f"{url}: {answer}")) from error
    except urllib.error.URLError as error:
        raise _Unreachable(f"cannot be reached ({error.reason})") from error
    except (ConnectionError, socket.timeout, http.client.HTTPException) as error:
        raise _Interrupted(f"connection lost ({type(error).__name__}: {error})") from error


def _request(url: str, part: Path, have: int) -> urllib.request.Request:
    headers = {"User-Agent": "fcn-repro"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if _version_file(part).is_file():  # otherwise a file that changed meanwhile shows in its digest only
            headers["If-Range"] = _version_file(part).read_text(encoding="latin-1")
    return urllib.request.Request(url, headers=headers)


def _start(response: http.client.HTTPResponse, have: int) -> int:
    """At which byte of the file the response begins; 0 when the server sends it all again."""
    if getattr(response, "status", 200) != 206:
        return 0
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if not found or int(found.group(1)) != have:
        raise _Interrupted(f"the server sent {response.headers.get('Content-Range')}; expected bytes {have}-")
    return have


def _receive(response: http.client.HTTPResponse, part: Path, start: int, url: str, most: int | None) -> None:
    length = response.headers.get("Content-Length")
    total = start + int(length) if length else None
    if total and total - start > shutil.disk_usage(str(part.parent)).free:
        raise DataError(f"{url}: {total - start} bytes to come, and the disk of {part.parent} has less free space")
    bar = Progress((total or start) // MB, f"download {part.stem}", unit="MB", done=start // MB)
    with open(str(part), "r+b" if start else "wb") as file, bar:
        file.seek(start)
        while True:
            block = response.read(MB // 4)
            if not block:
                break
            file.write(block)
            if most is not None and file.tell() > most:
                file.truncate(0)
                raise DataError(f"{url}: sends more than the {most} bytes that the file has")
            bar.advance(file.tell() // MB - bar.done)
        file.truncate()
    if total is not None and _size(part) < total:
        raise _Interrupted(f"connection lost after {_size(part)} of {total} bytes")


def _settle_overrun(part: Path, have: int, error: urllib.error.HTTPError) -> None:
    """The server has no byte after those we have: they are all of it, or they are not of this file."""
    if error.headers.get("Content-Range") != f"bytes */{have}":
        os.truncate(str(part), 0)
        raise _Interrupted("the file there is shorter than what was downloaded; starting afresh") from error


def _note_version(part: Path, response: http.client.HTTPResponse) -> None:
    """Keep the server's mark of this version of the file: a resumed download asks for the rest of the same one."""
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
