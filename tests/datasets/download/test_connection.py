"""Connections send logins to their own hosts alone, trust the given certificates, and pass SOCKS proxies."""

import base64
import io
import logging
import socket
import subprocess
import sys
import threading
import urllib.request

import pytest

from fcn_repro.datasets.download import connection
from fcn_repro.datasets.download.connection import open_address
from fcn_repro.datasets.download.transfer import download
from fcn_repro.errors import DataError
from tests.fixtures.loopback import serving

CONTENT = b"weights" * 1000
BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture
def www(tmp_path):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a.tar").write_bytes(CONTENT)
    return tmp_path / "www"


@pytest.fixture
def server(www):
    with serving(www) as server:
        yield server


def read(url):
    with open_address(url, {}) as response:
        return response.read()


def basic(login):
    return f"Basic {base64.b64encode(login.encode()).decode()}"


def test_an_addresss_login_is_sent_and_never_shown(server, tmp_path):
    server.login = "ann:p@ss/word"
    address = server.address.replace("://", "://ann:p%40ss%2Fword@")
    assert read(f"{address}/a.tar") == CONTENT
    with pytest.raises(DataError) as refused:
        download(f"{address}/b.tar", tmp_path / "part")
    assert f"{server.address}/b.tar: got 404" in str(refused.value) and "ann" not in str(refused.value)


def test_a_wrong_login_is_reported_at_once(server, tmp_path):
    server.login = "ann:secret"
    with pytest.raises(DataError, match="got 401 Unauthorized"):
        download(f"{server.address}/a.tar", tmp_path / "part")
    assert len(server.requests) == 1


def test_netrc_gives_a_host_its_login_and_no_other_host_the_default(server, tmp_path):
    (tmp_path / "netrc").write_text("machine other.host login x password y\ndefault login anonymous password me\n")
    assert read(f"{server.address}/a.tar") == CONTENT
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    assert read(f"{server.address}/a.tar") == CONTENT
    assert server.logins == [None, basic("ann:secret")]


def test_a_damaged_netrc_is_reported_and_ignored(server, tmp_path, caplog):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 pasword x\n")
    with caplog.at_level(logging.WARNING):
        assert read(f"{server.address}/a.tar") == CONTENT
    assert "netrc" in caplog.text and "ignoring this file" in caplog.text


def test_a_redirect_takes_a_login_to_its_own_host_only(server, www):
    with serving(www) as other:
        server.redirects = {"/here": f"{server.address}/a.tar", "/there": f"{other.address}/a.tar"}
        address = server.address.replace("://", "://ann:secret@")
        assert read(f"{address}/here") == read(f"{address}/there") == CONTENT
        assert server.logins == [basic("ann:secret")] * 3 and other.logins == [None]


def test_follows_no_address_out_of_https():
    request = urllib.request.Request("https://host/a.tar")
    follow = connection._SecureRedirects().redirect_request
    assert follow(request, None, 302, "", {}, "https://other/a.tar").full_url == "https://other/a.tar"
    with pytest.raises(DataError, match="got a redirect to http://other/a.tar; expected an https address"):
        follow(request, io.BytesIO(), 302, "", {}, "http://user:password@other/a.tar")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that signs itself, with its key."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    try:
        made = subprocess.run([*command.split(), "-keyout", "-", "-out", "-"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no certificate without the program openssl ({error})")
    path.write_bytes(made.stdout)
    return path


@pytest.mark.parametrize("variable", BUNDLES)
def test_trusts_the_certificates_of_a_bundle_and_no_others(www, certificate, tmp_path, monkeypatch, variable):
    with serving(www, certificate) as server:
        with pytest.raises(DataError, match=r"certificate is not trusted \(self.signed certificate\).*SSL_CERT_FILE="):
            download(f"{server.address}/a.tar", tmp_path / "part")
        monkeypatch.setenv(variable, str(certificate))
        download(f"{server.address}/a.tar", tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_a_redirect_out_of_https_ends_the_download(www, certificate, server, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(www, certificate) as secure:
        secure.redirects = {"/a.tar": f"{server.address}/a.tar"}
        with pytest.raises(DataError, match=f"got a redirect to {server.address}/a.tar; expected an https address"):
            download(f"{secure.address}/a.tar", tmp_path / "part")
    assert not server.requests and not (tmp_path / "part").exists()


def test_an_invalid_bundle_is_named(tmp_path, monkeypatch):
    (tmp_path / "bundle.pem").write_text("hello")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "bundle.pem"))
    with pytest.raises(DataError, match=r"CURL_CA_BUNDLE=.*bundle\.pem: got .*expected .* PEM format. Fix: unset"):
        read("https://127.0.0.1:1/a.tar")


class SocksProxy(threading.Thread):
    """SOCKS5 (RFC 1928) for one connection, without login; it notes the host and port."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.target: tuple = ()

    def run(self) -> None:
        with self.listener, self.listener.accept()[0] as client:
            client.recv(2 + client.recv(2)[1])  # greeting: version, methods
            client.sendall(b"\x05\x00")
            kind = client.recv(4)[3]
            host = client.recv(client.recv(1)[0]).decode() if kind == 3 else socket.inet_ntoa(client.recv(4))
            self.target = (host, int.from_bytes(client.recv(2), "big"))
            with socket.create_connection(("127.0.0.1", self.target[1])) as server:
                client.sendall(b"\x05\x00\x00\x01" + bytes(6))
                server.sendall(client.recv(65536))
                while True:
                    block = server.recv(65536)
                    if not block:
                        break
                    client.sendall(block)


@pytest.mark.parametrize(
    ("variable", "scheme", "host"), [("all_proxy", "socks5h", "host.invalid"), ("http_proxy", "socks5", "127.0.0.1")]
)
def test_passes_a_socks_proxy(server, monkeypatch, variable, scheme, host):
    pytest.importorskip("socks")
    proxy = SocksProxy()
    proxy.start()
    monkeypatch.setenv(variable, f"{scheme}://127.0.0.1:{proxy.listener.getsockname()[1]}")
    port = server.server_address[1]
    assert read(f"http://{host}:{port}/a.tar") == CONTENT
    assert proxy.target == (host, port)


def test_a_socks_proxy_without_its_package_is_refused_with_the_fix(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://ann:secret@127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "socks", None)
    with pytest.raises(DataError, match=r"proxy socks5://127.0.0.1:1: .*Fix: pip install PySocks"):
        read("http://host.invalid/a.tar")
