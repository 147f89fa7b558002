"""A lock file: one process at a time."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Iterator

import filelock


class LockHeld(RuntimeError):
    """Another process holds the lock."""


@contextlib.contextmanager
def hold_lock(path: Path, refusal: str | None = None) -> Iterator[None]:
    """Hold the lock on a file, which is created if missing and holds this process's number.

    The operating system releases the lock when the process ends, however it ends. If another process holds the lock,
    this one waits, or with a `refusal` raises LockHeld with that message and the holder's number. The number is
    missing where a locked file cannot be read (Windows).
    """
    holder = _read(path)
    try:
        with filelock.FileLock(str(path)).acquire(timeout=0 if refusal else -1):
            with contextlib.suppress(OSError):  # a full disk, or Windows: the lock holds without the note
                path.write_text(f"{os.getpid()}\n", encoding="utf-8")
            yield
    except filelock.Timeout as error:
        named = f" (process {holder}, as {path} says)" if holder else ""
        raise LockHeld(f"{refusal}{named}") from error


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8").strip()
    return ""
