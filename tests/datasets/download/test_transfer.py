"""Downloads resume after interruptions, and stop at once on permanent errors."""

import contextlib
import email.utils
import socket
import time

import pytest

from fcn_repro.datasets.download import connection, transfer
from fcn_repro.datasets.download.transfer import RETRIES, ask, download
from fcn_repro.errors import DataError
from tests.fixtures.loopback import serving, unused_address

CONTENT = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def server(tmp_path):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a.tar").write_bytes(CONTENT)
    with serving(tmp_path / "www") as server:
        yield server


@pytest.fixture
def part(tmp_path):
    return tmp_path / "a.tar.part"


def test_brings_the_whole_file_and_leaves_nothing_else(server, part):
    download(f"{server.address}/a.tar", part)
    assert part.read_bytes() == CONTENT
    assert [path.name for path in part.parent.glob("a.tar*")] == ["a.tar.part"]


def test_resumes_where_dropped_connections_left_it(server, part):
    server.drop_after = [300_000, 1, 500_000]
    download(f"{server.address}/a.tar", part, pause_s=0)
    assert part.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, "bytes=300000-", "bytes=300001-", "bytes=800001-"]


def test_resumes_where_an_earlier_process_left_it(server, part):
    server.drop_after = [400_000] + [0] * (RETRIES + 1)
    with pytest.raises(DataError, match="connection lost after 400000 of 1048576 bytes"):
        download(f"{server.address}/a.tar", part, pause_s=0)
    server.drop_after, server.requests = [], []
    download(f"{server.address}/a.tar", part)
    assert part.read_bytes() == CONTENT
    assert server.requests == [("/a.tar", "bytes=400000-")]


def test_restarts_when_the_file_there_has_changed_meanwhile(server, part):
    server.drop_after = [400_000] + [0] * (RETRIES + 1)
    with pytest.raises(DataError):
        download(f"{server.address}/a.tar", part, pause_s=0)
    (server.folder / "a.tar").write_bytes(CONTENT[::-1])
    server.drop_after = []
    download(f"{server.address}/a.tar", part)
    assert part.read_bytes() == CONTENT[::-1]


def test_restarts_when_the_server_knows_no_ranges(server, part):
    server.ranges = False
    server.drop_after = [400_000]
    download(f"{server.address}/a.tar", part, pause_s=0)
    assert part.read_bytes() == CONTENT


def test_resumes_with_a_server_that_marks_no_versions(server, part):
    server.versions = False
    server.drop_after = [400_000]
    download(f"{server.address}/a.tar", part, pause_s=0)
    assert part.read_bytes() == CONTENT


def test_takes_a_part_that_is_whole_for_whole(server, part):
    part.write_bytes(CONTENT)
    download(f"{server.address}/a.tar", part)
    assert part.read_bytes() == CONTENT


def test_restarts_from_a_part_longer_than_the_file(server, part):
    part.write_bytes(CONTENT + b"more")
    download(f"{server.address}/a.tar", part, pause_s=0)
    assert part.read_bytes() == CONTENT


def test_replaces_a_longer_part_when_the_server_knows_no_ranges(server, part):
    server.ranges = False
    part.write_bytes(CONTENT + b"more")
    download(f"{server.address}/a.tar", part)
    assert part.read_bytes() == CONTENT


def test_tries_again_while_the_server_is_busy(server, part):
    server.answers = [503, 429]
    download(f"{server.address}/a.tar", part, pause_s=0)
    assert part.read_bytes() == CONTENT


def test_gives_up_when_no_retry_gains_a_byte(server, part):
    server.answers = [503] * 99
    with pytest.raises(DataError, match="got 503 .* from the server"):
        download(f"{server.address}/a.tar", part, pause_s=0)
    assert len(server.requests) == RETRIES + 1


def test_gives_up_at_once_on_a_file_that_is_not_there(server, part):
    with pytest.raises(DataError, match="b.tar: got 404 .* from the server"):
        download(f"{server.address}/b.tar", part)
    assert len(server.requests) == 1 and not part.exists()


@pytest.mark.parametrize("host", ["http://no-such-host.invalid", None])
def test_gives_up_at_once_without_a_network(part, host):
    began = time.monotonic()
    with pytest.raises(DataError, match=r"/a.tar: unreachable \("):
        download(f"{host or unused_address()}/a.tar", part)
    assert time.monotonic() - began < 5


def test_keeps_trying_when_the_network_goes_away_midway(server, part, monkeypatch):
    server.drop_after = [400_000]
    outages = ["first retry", "second retry"]
    real = transfer.open_address

    def open_address(url, headers):
        lost = headers and outages
        return real(f"{unused_address()}/{outages.pop()}" if lost else url, headers)

    monkeypatch.setattr(transfer, "open_address", open_address)
    download(f"{server.address}/a.tar", part, pause_s=0)
    assert part.read_bytes() == CONTENT and not outages
    assert [wanted for _, wanted in server.requests] == [None, "bytes=400000-"]


def test_reads_file_addresses(tmp_path, part):
    (tmp_path / "a b.tar").write_bytes(CONTENT)
    download((tmp_path / "a b.tar").as_uri(), part)
    assert part.read_bytes() == CONTENT
    with pytest.raises(DataError, match="No such file"):
        download((tmp_path / "c.tar").as_uri(), tmp_path / "c.tar.part")


def test_refuses_a_file_that_the_disk_has_no_room_for(server, part, monkeypatch):
    monkeypatch.setattr(
        "fcn_repro.datasets.download.transfer.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})
    )
    with pytest.raises(DataError, match="1048576 bytes left; expected as much free space on the disk"):
        download(f"{server.address}/a.tar", part)


def test_stops_at_the_bytes_that_the_file_is_known_to_have(server, part):
    download(f"{server.address}/a.tar", part, max_bytes=len(CONTENT))
    part.unlink()
    with pytest.raises(DataError, match="got more bytes than the expected 500000"):
        download(f"{server.address}/a.tar", part, max_bytes=500_000)
    assert part.stat().st_size == 0


def test_an_unreachable_host_is_asked_once(part, monkeypatch):
    address = unused_address()
    with pytest.raises(DataError, match=r"/a.tar: unreachable \("):
        download(f"{address}/a.tar", part)
    monkeypatch.setattr(transfer, "open_address", lambda *_: pytest.fail("asked again"))
    with pytest.raises(DataError, match=r"/b.tar: unreachable \(.*\), as before"):
        download(f"{address}/b.tar", part)


def test_a_host_that_never_answers_costs_one_wait(part, monkeypatch):
    monkeypatch.setattr(connection, "READ_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.tar"
        began = time.monotonic()
        for end in ("", ", as before"):
            with pytest.raises(DataError, match=rf"no answer \(.*\){end}$"):
                download(url, part)
        assert time.monotonic() - began < 1


def test_a_host_that_takes_no_connection_costs_the_short_timeout(part, monkeypatch):
    monkeypatch.setattr(connection, "CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(2):  # its queue is full, so the kernel drops further connections
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        began = time.monotonic()
        with pytest.raises(DataError, match="unreachable .*timed out"):
            download(f"http://127.0.0.1:{full.getsockname()[1]}/a.tar", part)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_waits_as_long_as_the_server_asks(server, part, monkeypatch, form):
    server.answers = [429, 503]
    server.retry_after = "7" if form == "seconds" else email.utils.formatdate(time.time() + 7.5, usegmt=True)
    pauses = []
    monkeypatch.setattr(transfer.time, "sleep", pauses.append)
    download(f"{server.address}/a.tar", part, pause_s=0)
    assert part.read_bytes() == CONTENT
    assert all(6 <= pause <= 7.5 for pause in pauses) and len(pauses) == 2


@pytest.mark.parametrize(("hasty", "asked"), [(False, "3600"), (True, "60")])
def test_a_server_that_asks_for_a_long_pause_is_given_up(server, part, hasty, asked):
    server.answers, server.retry_after = [503], asked
    with pytest.raises(DataError, match=f"503 .*asks to wait {asked} s"):
        download(f"{server.address}/a.tar", part, hasty=hasty)
    assert len(server.requests) == 1


def test_an_unreadable_pause_is_none(server, part):
    server.answers, server.retry_after = [503], "soon"
    download(f"{server.address}/a.tar", part, pause_s=0)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["header", "content", "redirect"])
def test_a_web_page_is_refused_and_nothing_of_it_kept(server, part, kind):
    page = b"\n <!DOCTYPE html><html><body>Please log in</body></html>"
    (server.folder / "a.tar").write_bytes(page)
    server.content_type = "application/x-tar" if kind == "content" else "text/html; charset=utf-8"
    server.redirects = {"/b.tar": f"{server.address}/a.tar"} if kind == "redirect" else {}
    name = "b" if kind == "redirect" else "a"
    place = " at http.*/a.tar" if kind == "redirect" else ""
    with pytest.raises(DataError, match=rf"/{name}.tar: got a web page{place}, such as a login; expected the file"):
        download(f"{server.address}/{name}.tar", part)
    assert not part.exists() or part.read_bytes() == b""
    assert len(server.requests) == 1 + (kind == "redirect")


def test_another_source_starts_the_file_from_scratch(server, part, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.tar").write_bytes(b"x" * len(CONTENT))
    with serving(tmp_path / "other") as other:
        other.drop_after = [400_000] + [0] * (transfer.HASTY_RETRIES + 1)
        with pytest.raises(DataError, match="connection lost after 400000"):
            download(f"{other.address}/a.tar", part, pause_s=0, hasty=True)
        assert part.stat().st_size == 400_000
    download(f"{server.address}/a.tar", part)
    assert part.read_bytes() == CONTENT and server.requests == [("/a.tar", None)]


def test_asks_for_a_header_only(server):
    assert ask(f"{server.address}/a.tar") == ("200", len(CONTENT), True)
    assert server.heads == ["/a.tar"] and not server.requests
    assert ask(f"{server.address}/b.tar") == ("404 Not Found", None, False)
    server.answers = [501]  # a server that knows no HEAD
    assert ask(f"{server.address}/a.tar")[1:] == (len(CONTENT), True)
    server.redirects = {"/c.tar": f"{server.address}/a.tar"}
    server.requests.clear()
    assert ask(f"{server.address}/c.tar")[1:] == (len(CONTENT), True) and not server.requests
    server.content_type = "text/html"
    assert ask(f"{server.address}/a.tar") == ("got a web page, such as a login; expected the file", None, False)
    dead = ask(f"{unused_address()}/a.tar")
    assert dead.status.startswith("unreachable") and not dead.is_available
