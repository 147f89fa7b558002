"""Download a file over http, https or file addresses, with retries and resume.

Why not pooch: it cannot resume, and these archives have gigabytes. This module also refuses https to http redirects,
web pages in place of files, and files larger than expected.
"""

from __future__ import annotations

import email.utils
import http.client
import logging
import os
import re
import shutil
import socket
import ssl
import time
import urllib.error
from pathlib import Path
from typing import Any, NamedTuple

from fcn_repro.datasets.download.connection import find_host, hide_login, open_address
from fcn_repro.errors import DataError
from fcn_repro.system.progress import Progress

MB = 1 << 20
RETRIES = 6  # consecutive ones without progress; with the pauses between them, a minute
LONGEST_PAUSE_S = 300.0  # that a server may ask for
HASTY_RETRIES, HASTY_PAUSE_S = 2, 10.0  # the same where another source has the file
RETRY_STATUS = (408, 425, 429, 500, 502, 503, 504)  # temporary errors
NO_HEAD_STATUS = (403, 405, 501)  # of servers that only answer GET
DEAD_HOSTS: dict[str, str] = {}  # unreachable ones, with the reason: asked once by a process

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """A source's answer to a HEAD request: the status, or the error, and the file's size in bytes, if it says so."""

    status: str
    size: int | None
    is_available: bool


class _Interrupted(Exception):
    """The download stopped for a temporary reason; the server may ask for a pause."""

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


class _Unreachable(_Interrupted):
    """The address is unreachable; a temporary error only if it was reachable before."""


def download(url: str, part: Path, pause_s: float = 1.0, max_bytes: int | None = None, hasty: bool = False) -> None:
    """Download `url` to `part`, resuming from its bytes if they came from this address and its file is unchanged.

    Retries after interruptions with pauses that double from `pause_s`, or are as long as the server asks; RETRIES
    retries without progress end it. `hasty` retries less, for a file with another source. An unreachable host is asked
    once by a process, see DEAD_HOSTS.

    Raises   DataError with the reason; `part` keeps the bytes so far. An unreachable address, more than `max_bytes`,
             a web page, and a redirect from https to http fail without retries.
    """
    failures, reached = 0, False
    retries, longest = (HASTY_RETRIES, HASTY_PAUSE_S) if hasty else (RETRIES, LONGEST_PAUSE_S)
    _check_alive(url)
    while True:
        before = _size(part)
        try:
            _attempt(url, part, max_bytes)
            break
        except _Interrupted as error:
            reached = reached or not isinstance(error, _Unreachable)
            failures = 1 if _size(part) > before else failures + 1
            if not reached and find_host(url):
                DEAD_HOSTS[find_host(url)] = str(error)
            if failures > retries or not reached or error.pause_s > longest:
                raise DataError(f"{hide_login(url)}: {error}") from error
            pause = max(pause_s * 2 ** (failures - 1), error.pause_s)
            log.warning("%s: %s; retrying in %.0f s", hide_login(url), error, pause)
            time.sleep(pause)
    _version_file(part).unlink(missing_ok=True)


def ask(url: str) -> Answer:
    """Ask a source for a file's header only."""
    try:
        _check_alive(url)
        try:
            return _ask(url, "HEAD", {})
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in NO_HEAD_STATUS:
                raise
            return _ask(url, "GET", {"Range": "bytes=0-0"})
    except urllib.error.HTTPError as error:
        error.close()
        return Answer(f"{error.code} {error.reason}", None, False)
    except urllib.error.URLError as error:
        reason = _describe_unreachable(error)
        if find_host(url):
            DEAD_HOSTS[find_host(url)] = reason
        return Answer(reason, None, False)
    except (OSError, http.client.HTTPException) as error:
        return Answer(f"connection lost ({type(error).__name__})", None, False)
    except DataError as error:
        return Answer(str(error).replace(f"{hide_login(url)}: ", ""), None, False)


def _ask(url: str, method: str, headers: dict[str, str]) -> Answer:
    with open_address(url, headers, method) as response:
        _check_content_type(url, response)
        ranged = re.match(r"bytes 0-0/(\d+)$", response.headers.get("Content-Range", ""))
        size = ranged.group(1) if ranged else response.headers.get("Content-Length")
        return Answer(str(getattr(response, "status", None) or 200), int(size) if size else None, True)


def _check_alive(url: str) -> None:
    host = find_host(url)
    if host in DEAD_HOSTS:
        raise DataError(f"{hide_login(url)}: {DEAD_HOSTS[host]}, as before")


def _attempt(url: str, part: Path, max_bytes: int | None) -> None:
    have = _size(part) if _read_version(part)[0] in ("", hide_login(url)) else 0
    try:
        with open_address(url, _make_headers(part, have)) as response:
            start = _parse_start(response, have)
            _check_content_type(url, response)
            _save_version(url, part, response)
            _receive(response, part, start, url, max_bytes)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:
            return _check_complete(part, have, error)
        answer = f"got {error.code} {error.reason} from the server"
        if error.code not in RETRY_STATUS:
            raise DataError(f"{hide_login(url)}: {answer}") from error
        pause_s = _parse_retry_after(error.headers.get("Retry-After"))
        raise _Interrupted(f"{answer}, which asks to wait {pause_s:.0f} s" if pause_s else answer, pause_s) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise DataError(
                f"{hide_login(url)}: {_describe_unreachable(error)}. Fix, for a server of your own: "
                "SSL_CERT_FILE=its certificates"
            ) from error
        raise _Unreachable(_describe_unreachable(error)) from error
    except socket.timeout as error:
        lost = _Interrupted if _size(part) else _Unreachable
        raise lost(f"no answer ({error})") from error
    except (ConnectionError, http.client.HTTPException) as error:
        raise _Interrupted(f"connection lost ({type(error).__name__}: {error})") from error


def _describe_unreachable(error: urllib.error.URLError) -> str:
    if isinstance(error.reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.reason.verify_message})"
    return f"unreachable ({error.reason})"


def _parse_retry_after(text: str | None) -> float:
    """Seconds until a retry, which the server gives as a number or as a date; 0 if it gives none."""
    if not text:
        return 0.0
    if text.strip().isdigit():
        return float(text)
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _check_content_type(url: str, response: Any) -> None:
    """Refuse a web page: a login, an error that is answered with status 200, a question about a virus scan."""
    if response.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        _refuse_page(url, response)


def _refuse_page(url: str, response: Any) -> None:
    place = "" if response.url == hide_login(url) else f" at {response.url}"
    raise DataError(f"{hide_login(url)}: got a web page{place}, such as a login; expected the file")


def _make_headers(part: Path, have: int) -> dict[str, str]:
    headers = {}
    if have:
        headers["Range"] = f"bytes={have}-"
        version = _read_version(part)[1]
        if version:  # without a version, only the digest shows a change
            headers["If-Range"] = version
    return headers


def _parse_start(response: Any, have: int) -> int:
    """The position of the response's first byte; 0 when the server sends the whole file."""
    if getattr(response, "status", 200) != 206:
        return 0
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if not found or int(found.group(1)) != have:
        raise _Interrupted(f"got {response.headers.get('Content-Range')} from the server; expected bytes {have}-")
    return have


def _receive(response: Any, part: Path, start: int, url: str, max_bytes: int | None) -> None:
    length = response.headers.get("Content-Length")
    total = start + int(length) if length else None
    if total and total - start > shutil.disk_usage(str(part.parent)).free:
        raise DataError(
            f"{hide_login(url)}: {total - start} bytes left; expected as much free space on the disk of {part.parent}"
        )
    bar = Progress((total or start) // MB, f"download {part.stem}", unit="MB", done=start // MB)
    with open(str(part), "r+b" if start else "wb") as file, bar:
        file.seek(start)
        while True:
            block = response.read(MB // 4)
            if not block:
                break
            if file.tell() == 0 and re.match(rb"\s*<(!doctype\s+)?html\b", block, re.I):
                _refuse_page(url, response)
            file.write(block)
            if max_bytes is not None and file.tell() > max_bytes:
                file.truncate(0)
                raise DataError(f"{hide_login(url)}: got more bytes than the expected {max_bytes}")
            bar.advance(file.tell() // MB - bar.done)
        file.truncate()
    if total is not None and _size(part) < total:
        raise _Interrupted(f"connection lost after {_size(part)} of {total} bytes")


def _check_complete(part: Path, have: int, error: urllib.error.HTTPError) -> None:
    """Handle the answer that no bytes follow ours: the file is complete, or ours is another one."""
    if error.headers.get("Content-Range") != f"bytes */{have}":
        os.truncate(str(part), 0)
        raise _Interrupted("the server's file is shorter than the download; restarting") from error


def _save_version(url: str, part: Path, response: Any) -> None:
    """Save the address and the server's version of the file, so that a resumed download requests the same."""
    etag = response.headers.get("ETag", "")
    version = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
    _version_file(part).write_text(f"{hide_login(url)}\n{version}", encoding="latin-1", errors="replace")


def _read_version(part: Path) -> tuple[str, str]:
    """The address and the version of the bytes in `part`; empty where unknown."""
    if not _version_file(part).is_file():
        return "", ""
    url, _, version = _version_file(part).read_text(encoding="latin-1").partition("\n")
    return url, version


def _version_file(part: Path) -> Path:
    return part.with_suffix(".version")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
