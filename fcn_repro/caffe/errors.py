"""What Caffe's fatal checks become here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


class CaffeError(RuntimeError):
    """A check that real Caffe ends the process for (glog FATAL, SIGABRT); here the process lives on.

    It derives from RuntimeError because that is what pycaffe raises for the few faults it lets a caller see
    (a missing file, say), so existing `except RuntimeError` clauses go on working.
    """


@contextlib.contextmanager
def naming(file: str | Path) -> Iterator[None]:
    """Put the file that is at fault before the message of a CaffeError from the block."""
    try:
        yield
    except CaffeError as error:
        raise CaffeError(f"{file}: {error}") from error
