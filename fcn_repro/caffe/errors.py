"""CaffeError, which replaces Caffe's fatal checks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


class CaffeError(RuntimeError):
    """A failed check. Real Caffe ends the process there (glog FATAL, SIGABRT); here the process continues.

    It derives from RuntimeError because pycaffe raises that for the few faults it reports, such as a missing file.
    """


@contextlib.contextmanager
def attach_file(file: str | Path) -> Iterator[None]:
    """Prefix the message of a CaffeError from the block with the file."""
    try:
        yield
    except CaffeError as error:
        raise CaffeError(f"{file}: {error}") from error
