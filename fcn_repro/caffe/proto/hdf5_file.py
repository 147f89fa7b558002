"""Read HDF5 so that a file of another kind, or a damaged one, is refused by name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py

from fcn_repro.caffe.errors import CaffeError

DEFLATED = 1032  # the most that a byte of a compressed data set can stand for
LONGEST = 1 << 16  # bytes of a text


@contextlib.contextmanager
def reading(path: str | Path, kind: str) -> Iterator[h5py.File]:
    """The open file; `kind` says in errors what it should be.

    Raises   RuntimeError("Could not open file ...") for a missing file; CaffeError naming the file where the library
             cannot read on.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except CaffeError:
        raise
    except FileNotFoundError as error:
        raise CaffeError(f"Could not open file {path}") from error
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise CaffeError(f"{path} is no {kind} in HDF5, or a damaged one: {error}") from error


def group(parent: h5py.Group, name: str) -> h5py.Group:
    """A group by name.

    Raises   CaffeError naming the file where there is none.
    """
    found = _own(parent, name)
    if not isinstance(found, h5py.Group):
        raise CaffeError(f"{_path(parent, name)} is missing or is no group")
    return found


def numbers(parent: h5py.Group, name: str) -> h5py.Dataset:
    """A data set by name, of integers or floats, that has its numbers in this file.

    Raises   CaffeError naming the file where there is none, or where it promises more than the file can hold.
    """
    found = _own(parent, name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "iuf":
        raise CaffeError(f"{_path(parent, name)} is missing or is no data set of numbers")
    if found.is_virtual or found.external:
        raise CaffeError(f"{_path(parent, name)} has its numbers in other files; expected them in this one")
    stored = found.id.get_storage_size() * (DEFLATED if found.id.get_create_plist().get_nfilters() else 1)
    if found.nbytes > stored:
        raise CaffeError(f"{_path(parent, name)} says it has {found.nbytes} bytes, and holds {stored} at most")
    return found


def text(parent: h5py.Group, name: str) -> str:
    """A string by name; empty where there is none.

    Raises   CaffeError naming the file where there is something else.
    """
    found = _own(parent, name)
    if found is None:
        return ""
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "SO" or found.size != 1:
        raise CaffeError(f"{_path(parent, name)} is no text")
    if found.dtype.itemsize > LONGEST:
        raise CaffeError(f"{_path(parent, name)} is a text of {found.dtype.itemsize} bytes; expected a path")
    value = found[()]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def integer(parent: h5py.Group, name: str) -> int:
    """The value of a data set that holds one number.

    Raises   CaffeError naming the file where there is none.
    """
    found = numbers(parent, name)
    if found.size != 1:
        raise CaffeError(f"{_path(parent, name)} holds {found.size} numbers; expected 1")
    return int(found[()].item())


def _own(parent: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """What is there by a name, unless it is but a link into another file."""
    for depth in range(1, name.count("/") + 2):
        if isinstance(parent.get("/".join(name.split("/")[:depth]), getlink=True), h5py.ExternalLink):
            raise CaffeError(f"{_path(parent, name)} is in another file; expected it in this one")
    return parent.get(name)


def _path(parent: h5py.Group, name: str) -> str:
    return f"{parent.file.filename}: {parent.name.rstrip('/')}/{name}"
