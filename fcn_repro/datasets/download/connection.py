"""Open http, https and file addresses: timeouts, credentials, proxies, CA bundles, and safe redirects.

Credentials   `user:password@` in an address, else the host's own entry in the file $NETRC or ~/.netrc. They are sent to
              that host alone, also after redirects, and no message shows them.
Proxies       http_proxy, https_proxy, all_proxy and no_proxy, as urllib reads them; SOCKS with the package PySocks
CA bundle     the file or folder SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, else the system's
"""

from __future__ import annotations

import base64
import http.client
import importlib
import logging
import netrc
import os
import socket
import ssl
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any, Callable, Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

from fcn_repro.errors import DataError

CONNECT_S, READ_S = 5.0, 20.0  # a dead host costs seconds; a slow one may pause longer
SOCKS = {"socks4": ("SOCKS4", False), "socks4a": ("SOCKS4", True), "socks5": ("SOCKS5", False)}
SOCKS.update(socks5h=("SOCKS5", True), socks=("SOCKS5", True))  # PySocks' constant; whether the proxy resolves names

log = logging.getLogger(__name__)


def open_address(url: str, headers: Mapping[str, str], method: str = "GET") -> Any:
    """Open an address and return the response, a context manager.

    Raises   urllib.error.HTTPError for an error status; URLError for an unreachable host; OSError or HTTPException for
             a lost connection; DataError for a redirect out of https, an invalid CA bundle, and a SOCKS proxy without
             PySocks
    """
    parts = urlsplit(url)
    logins = {find_host(url): f"{unquote(parts.username)}:{unquote(parts.password or '')}"} if parts.username else {}
    proxies = urllib.request.getproxies()
    plain = {scheme: proxy for scheme, proxy in proxies.items() if not _is_socks(proxy)}
    handlers = (_HTTPHandler(), _HTTPSHandler(context=_load_certificates()), _Credentials(logins), _SecureRedirects())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(plain), *handlers)
    request = urllib.request.Request(hide_login(url), headers={"User-Agent": "fcn-repro", **headers}, method=method)
    return opener.open(request, timeout=CONNECT_S)


def find_host(url: str) -> str:
    """Return the host of an address, with its port if it names one; empty for files."""
    return urlsplit(url).netloc.rpartition("@")[2]


def hide_login(url: str) -> str:
    """Return an address without `user:password@`."""
    return urlunsplit(urlsplit(url)._replace(netloc=find_host(url)))


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects from https to unencrypted addresses."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.full_url.lower().startswith("https:") and not newurl.lower().startswith("https:"):
            fp.close()
            raise DataError(f"{req.full_url}: got a redirect to {hide_login(newurl)}; expected an https address")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and req.get_method() == "HEAD":
            request.method = "HEAD"  # urllib would download the file
        return request


class _Credentials(urllib.request.BaseHandler):
    """Adds a host's user and password to requests for it."""

    def __init__(self, logins: Mapping[str, str]) -> None:
        self._logins = logins

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        login = self._logins.get(request.host) or _find_netrc_login(urlsplit(request.full_url).hostname or "")
        if login:
            encoded = base64.b64encode(login.encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {encoded}")
        return request

    https_request = http_request


class _PatientRead:
    """After connecting with a short timeout, wait READ_S for each read."""

    def __init__(self, host: str, **options: Any) -> None:
        super().__init__(host, **options)  # type: ignore[call-arg]
        self._create_connection = _find_socks(self.default_port, self.host)  # type: ignore[attr-defined]

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.sock.settimeout(READ_S)  # type: ignore[attr-defined]


class _HTTPConnection(_PatientRead, http.client.HTTPConnection):
    pass


class _HTTPSConnection(_PatientRead, http.client.HTTPSConnection):
    pass


class _HTTPHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_HTTPConnection, req)


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_HTTPSConnection, req, context=self._context)  # type: ignore[attr-defined]


def _load_certificates() -> ssl.SSLContext:
    found = {  # OpenSSL's, requests' and curl's name
        "SSL_CERT_FILE": os.environ.get("SSL_CERT_FILE"),
        "REQUESTS_CA_BUNDLE": os.environ.get("REQUESTS_CA_BUNDLE"),
        "CURL_CA_BUNDLE": os.environ.get("CURL_CA_BUNDLE"),
    }
    for variable, path in found.items():
        if path:
            is_folder = os.path.isdir(path)
            try:
                return ssl.create_default_context(
                    cafile=None if is_folder else path, capath=path if is_folder else None
                )
            except OSError as error:  # ssl.SSLError is one
                raise DataError(
                    f"{variable}={path}: got {error}; expected a file or folder of certificates in PEM format. "
                    f"Fix: unset {variable}, or name such a file"
                ) from error
    return ssl.create_default_context()


def _find_netrc_login(host: str) -> str:
    """Return a host's own "user:password"; never that of `default`, which would go to every publisher."""
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        entry = netrc.netrc(str(path)).hosts.get(host)
    except FileNotFoundError:
        return ""
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError) as error:
        log.warning("%s: %s; ignoring this file", path, error)
        return ""
    return f"{entry[0]}:{entry[2] or ''}" if entry else ""


def _is_socks(proxy: str) -> bool:
    return urlsplit(proxy).scheme in SOCKS


def _find_socks(port: int, host: str) -> Callable[..., Any]:
    """Return the function that connects to a host: through the SOCKS proxy of its scheme, if there is one.

    Raises   DataError if the package PySocks is missing
    """
    proxies = urllib.request.getproxies()
    proxy = proxies.get("https" if port == http.client.HTTPS_PORT else "http") or proxies.get("all", "")
    if not _is_socks(proxy) or urllib.request.proxy_bypass(host):
        return socket.create_connection
    parts = urlsplit(proxy)
    try:
        socks: Any = importlib.import_module("socks")
    except ImportError as error:
        raise DataError(
            f"proxy {hide_login(proxy)}: SOCKS needs the package PySocks. Fix: pip install PySocks"
        ) from error
    kind, resolves = SOCKS[parts.scheme]
    return partial(
        socks.create_connection,
        proxy_type=getattr(socks, kind),
        proxy_addr=parts.hostname,
        proxy_port=parts.port or 1080,
        proxy_rdns=resolves,
        proxy_username=unquote(parts.username) if parts.username else None,
        proxy_password=unquote(parts.password) if parts.password else None,
    )
