"""The program that fetches: the table of sources, and the summary of what served a file."""

import csv
import hashlib
import io
from functools import partial

import pytest

from fcn_repro.datasets.download import fetch as download
from fcn_repro.datasets.download import transfer
from tests.fixtures.loopback import serving, unused_address
from tools import fetch

CONTENT = b"weights" * 1000


@pytest.fixture
def www(tmp_path):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "vgg.caffemodel").write_bytes(CONTENT)
    with serving(tmp_path / "www") as server:
        yield server


@pytest.fixture
def run(tmp_path, monkeypatch, run_program, www):
    """Runs the program in a repository with one file and three sources: dead, missing and good."""
    (tmp_path / "repository" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repository")
    monkeypatch.delenv("MIRROR", raising=False)
    transfer.DEAD_HOSTS.clear()
    columns = ["name", "url", "file", "bytes", "digest", "licence", "note"]
    digest = "md5:" + hashlib.md5(CONTENT).hexdigest()
    write(download.SOURCES, ["name", "source", "url", "digest", "fetched"],
          ["vgg16", "old host", f"{www.address}/gone.caffemodel", "", ""],
          ["vgg16", "mirror", f"{www.address.replace('://', '://ann:secret@')}/vgg.caffemodel", "", "2026-01-02"],
          ["small", "mirror", f"{www.address}/vgg.caffemodel", "", ""])  # fmt: skip
    for path in download.CATALOGUES:
        write(path, columns)
    write(download.CATALOGUES[1], columns,
          ["vgg16", f"{unused_address()}/vgg.caffemodel", "vgg.caffemodel", len(CONTENT), digest, "free", ""],
          ["small", "", "small.caffemodel", 5, digest, "free", "by hand"])  # fmt: skip
    return partial(run_program, fetch)


def write(path, *rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_check_prints_every_sources_answer_and_fetches_nothing(run, www):
    status, printed, _ = run("--check", "vgg16", "--format", "csv")
    table, _, summary = printed.rpartition("\n\n")
    dead, gone, good = csv.DictReader(io.StringIO(table))
    assert status == 0
    assert dead["source"] == "publisher" and dead["answer"].startswith("unreachable") and dead["bytes"] == ""
    assert (gone["source"], gone["answer"], gone["fetched by us"]) == ("old host", "404 Not Found", "never")
    assert (good["answer"], good["bytes"], good["fetched by us"]) == ("200", str(len(CONTENT)), "2026-01-02")
    assert "secret" not in printed
    assert summary.strip() == "3 sources of 1 files; 2 of them were never fetched by this project."
    assert www.heads == ["/gone.caffemodel", "/vgg.caffemodel"] and www.requests == []
    assert not download.DOWNLOADS.exists()


def test_check_fails_and_names_files_without_a_source(run):
    status, printed, error = run("--check")
    assert status == 3 and "no source has small. Fix: put the files" in error
    assert "200, but 7000 bytes of 5" in printed


def test_fetch_names_the_source_that_served_and_later_repeats_it(run, www):
    for _ in range(2):
        status, printed, error = run("vgg16")
        assert status == 0
        assert printed.startswith("data/downloads/vgg.caffemodel    from mirror, http://127.0.0.1")
        assert "secret" not in printed + error
    assert "on this machine" not in run("--check", "vgg16")[1]  # the project's own date comes first
