"""One process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Iterator


class LockHeld(RuntimeError):
    """Another process is at work in the place where this one was to work."""


@contextlib.contextmanager
def hold_lock(path: Path, refusal: str | None = None) -> Iterator[None]:
    """Hold the lock on a file, which is made if it is not there; it notes who holds it.

    The lock ends with its process, however that ends: a file that a killed one left behind locks nobody out.
    While another process holds it, this one waits; or, with a `refusal`, raises LockHeld with that message.
    """
    with open(str(path), "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if refusal else 0))
        except BlockingIOError as error:
            file.seek(0)
            raise LockHeld(f"{refusal} (process {file.read().strip()}, as {path} says)") from error
        _note(file.fileno(), str(os.getpid()))
        yield


def _note(descriptor: int, text: str) -> None:
    with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{text}\n".encode())
