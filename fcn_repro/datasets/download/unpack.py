"""Unpack selected members of an untrusted tar or zip archive.

Why not shutil.unpack_archive: it unpacks everything, cannot resume, and Python 3.8 has no extraction filters. This
module limits sizes, refuses links and paths outside of the target, and skips complete files.
"""

from __future__ import annotations

import contextlib
import errno
import lzma
import os
import re
import shutil
import struct
import tarfile
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import IO, Any, Callable, Iterator, Mapping, NamedTuple, Sequence, cast

from fcn_repro.errors import DataError
from fcn_repro.system.progress import Progress

MB = 1 << 20
LIMIT_BYTES = 16 << 30  # unpacked; the largest known archive unpacks to less than 3 GB
LIMIT_MEMBERS = 2_000_000
LIMIT_HEADER = MB  # of a member's header: long names, extended attributes
DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, RuntimeError),
    *(ValueError, LookupError, OverflowError, MemoryError, struct.error),
    TypeError,  # for a truncated gzip header
)

Opener = Callable[[], IO[bytes]]


class Member(NamedTuple):
    """One entry of an archive."""

    name: str
    kind: str  # file, folder or other: a link, a device
    size: int
    end: int  # position in the archive, in bytes
    open: Opener


def unpack(archive: Path, places: Mapping[str, Path], limit_bytes: int = LIMIT_BYTES) -> None:
    """Write members of an archive to paths: `places` maps member names to paths.

    A key with a trailing "/" is a folder: its files keep their names below the path. Other keys are files.
    A leading "*/" matches at the top and within any one folder.
    Existing files of the right size are skipped, and each file is written atomically. So unpacking can be interrupted
    and resumed, and restores removed files.

    Raises   DataError when the archive is damaged or lacks a key; when a selected member is no plain file, leaves its
             folder or collides with another; and when the archive's members, selected or not, exceed `limit_bytes` or
             LIMIT_MEMBERS. OSError when the disk is full
    """
    patterns = {key: _compile_pattern(key) for key in places}
    lacking, total = set(places), 0
    megabytes = archive.stat().st_size // MB
    with _members(archive) as members, Progress(megabytes, f"unpack {archive.name}", unit="MB") as progress:
        for number, member in enumerate(members):
            progress.advance(member.end // MB - progress.done)
            total += member.size
            if total > limit_bytes or number >= LIMIT_MEMBERS:
                raise DataError(
                    f"{archive}: unpacks to more than the limit of {limit_bytes} bytes or {LIMIT_MEMBERS} files"
                )
            key, parts = _match(member.name, patterns)
            if key is None or member.kind == "folder":
                continue
            _check_plain(archive, member, parts)
            target = places[key].joinpath(*parts)
            lacking.discard(key)
            if not (target.is_file() and target.stat().st_size == member.size):
                _write(archive, member, target)
    if lacking:
        raise DataError(f"{archive}: no member {sorted(lacking)[0]}; expected {', '.join(sorted(places))}")


def _compile_pattern(key: str) -> re.Pattern[str]:
    """Match the member names of a key of `places`; group 1 is the name within the folder."""
    anywhere = "(?:[^/]+/)?" if key.startswith("*/") else ""
    return re.compile(anywhere + re.escape(key[2:] if anywhere else key) + ("(.*)" if key.endswith("/") else ""), re.S)


def _match(name: str, patterns: Mapping[str, re.Pattern[str]]) -> tuple[str | None, list[str]]:
    """The key that matches a member, if any, and the parts of its path within that folder."""
    for key, pattern in patterns.items():
        found = pattern.fullmatch(name)
        if found:
            return key, found.group(1).split("/") if key.endswith("/") else []
    return None, []


def _check_plain(archive: Path, member: Member, parts: Sequence[str]) -> None:
    if member.kind != "file" or "\\" in member.name or {"", ".", ".."} & set(parts):
        found = "leaves its folder" if member.kind == "file" else "is a link or a device"
        raise DataError(f"{archive}: member {member.name!r} {found}; expected plain files only. Unpacking stopped")


def _write(archive: Path, member: Member, target: Path) -> None:
    # Not `atomic_write`, which syncs to disk: too slow for tens of thousands of files.
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(target))
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise DataError(f"{archive}: member {member.name!r} collides with another ({error})") from error
    part = target.with_name(f".{target.name}.part")
    try:
        with member.open() as source, open(str(part), "wb") as file:
            shutil.copyfileobj(source, file, MB)
        if part.stat().st_size != member.size:
            raise EOFError(f"{member.name} ends after {part.stat().st_size} of {member.size} bytes")
        os.replace(str(part), str(target))
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _members(archive: Path) -> Iterator[Iterator[Member]]:
    """Open an archive and iterate over its members in order; map errors to DataError."""
    try:
        with open(str(archive), "rb") as raw:
            yield _zip_members(raw) if zipfile.is_zipfile(str(archive)) else _tar_members(raw)
    except DAMAGED as error:
        raise DataError(f"{archive}: damaged, or not a tar or zip archive ({type(error).__name__}: {error})") from error


def _tar_members(raw: IO[bytes]) -> Iterator[Member]:
    with tarfile.open(fileobj=raw, mode="r|*", tarinfo=_Header) as tar:
        while True:
            info = tar.next()
            if info is None:
                break
            tar.members.clear()  # type: ignore[attr-defined]  # else it keeps millions of entries
            plain = info.isfile() and not info.issparse()  # a sparse file can declare any size
            kind = "file" if plain else "folder" if info.isdir() else "other"
            name = info.name[2:] if info.name.startswith("./") else info.name
            yield Member(name, kind, info.size, raw.tell(), cast(Opener, partial(tar.extractfile, info)))


class _Header(tarfile.TarInfo):
    """Refuses headers that declare long names of gigabytes, which tarfile reads into memory."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> Any:
        info = super().frombuf(buf, encoding, errors)
        is_plain = info.type in tarfile.SUPPORTED_TYPES and info.isfile()
        if info.size < 0 or not is_plain and info.size > LIMIT_HEADER:
            raise DamagedHeader(f"a header of {info.size} bytes")
        return info


class DamagedHeader(tarfile.TarError):
    """A tar header that is invalid, but that tarfile accepts."""


def _zip_members(raw: IO[bytes]) -> Iterator[Member]:
    with zipfile.ZipFile(raw) as archive:
        end = 0
        for info in archive.infolist():
            if info.header_offset < 0:
                raise zipfile.BadZipFile(f"{info.filename} starts before the archive")
            end += info.compress_size
            unix_type = info.external_attr >> 28  # the top bits of st_mode: 8 is a plain file, 0 is unknown
            kind = "folder" if info.is_dir() else "file" if unix_type in (0, 8) else "other"
            yield Member(info.filename, kind, info.file_size, end, partial(archive.open, info))
