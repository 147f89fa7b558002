"""Downloads resume after interruptions, and stop at once on permanent errors."""

import time
import urllib.request

import pytest

from fcn_repro.datasets.download.transfer import RETRIES, _SecureRedirects, download
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
    outage = [True]

    def pause(seconds):
        if outage:  # one failing request
            outage.pop()
            monkeypatch.setattr("fcn_repro.datasets.download.transfer.urllib.request.urlopen", lost)

    real = __import__("urllib.request").request.urlopen

    def lost(request, timeout):
        monkeypatch.setattr("fcn_repro.datasets.download.transfer.urllib.request.urlopen", real)
        return real(f"{unused_address()}/a.tar", timeout=timeout)

    monkeypatch.setattr("fcn_repro.datasets.download.transfer.time.sleep", pause)
    download(f"{server.address}/a.tar", part)
    assert part.read_bytes() == CONTENT


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


def test_follows_no_address_out_of_https():
    request = urllib.request.Request("https://host/a.tar")
    follow = _SecureRedirects().redirect_request
    assert follow(request, None, 302, "", {}, "https://other/a.tar").full_url == "https://other/a.tar"
    with pytest.raises(DataError, match="got a redirect to http://other/a.tar; expected an https address"):
        follow(request, None, 302, "", {}, "http://other/a.tar")
