"""Read untrusted HDF5 files: a damaged file or one of another kind raises CaffeError with its name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import h5py

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto.text_encoding import file_path

MAX_DEFLATE_RATIO = 1032  # bytes that one byte of a compressed data set can expand to
MAX_STRING_BYTES = 1 << 16


@contextlib.contextmanager
def open_hdf5(path: str | Path, kind: str) -> Iterator[h5py.File]:
    """Open a file for reading; `kind` names the expected content in errors.

    Raises   CaffeError("Could not open file ...") for a missing file, or naming the file where h5py fails to read it.
    """
    try:
        with h5py.File(os.fsencode(file_path(str(path))), "r") as file:
            yield file
    except CaffeError:
        raise
    except FileNotFoundError as error:
        raise CaffeError(f"Could not open file {path}") from error
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise CaffeError(f"{path} is damaged or not a {kind} in HDF5: {error}") from error


def get_group(parent: h5py.Group, name: str) -> h5py.Group:
    """Get a group by name.

    Raises   CaffeError naming the file and the group if it is missing.
    """
    found = _get_local(parent, name)
    if not isinstance(found, h5py.Group):
        raise CaffeError(f"{_path(parent, name)} is missing or not a group")
    return found


def get_numbers(parent: h5py.Group, name: str) -> h5py.Dataset:
    """Get a data set of integers or floats whose values lie in this file.

    Raises   CaffeError naming the file if it is missing, or declares more bytes than the file can hold.
    """
    found = _get_local(parent, name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "iuf":
        raise CaffeError(f"{_path(parent, name)} is missing or not a numeric data set")
    if found.is_virtual or found.external:
        raise CaffeError(f"{_path(parent, name)} stores its values in other files; expected them in this file")
    stored = found.id.get_storage_size()
    if found.id.get_create_plist().get_nfilters():
        stored *= MAX_DEFLATE_RATIO
    if found.nbytes > stored:
        raise CaffeError(f"{_path(parent, name)} declares {found.nbytes} bytes; the file holds at most {stored}")
    return found


def get_text(parent: h5py.Group, name: str) -> str:
    """Get a string by name; empty if it is missing.

    Raises   CaffeError naming the file if there is another object by that name.
    """
    found = _get_local(parent, name)
    if found is None:
        return ""
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "SO" or found.size != 1:
        raise CaffeError(f"{_path(parent, name)} is not a string")
    if found.dtype.itemsize > MAX_STRING_BYTES:
        raise CaffeError(f"{_path(parent, name)} is a string of {found.dtype.itemsize} bytes; expected a path")
    value = found[()]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def get_integer(parent: h5py.Group, name: str) -> int:
    """Get the value of a data set with one element.

    Raises   CaffeError naming the file if it is missing or has another size.
    """
    found = get_numbers(parent, name)
    if found.size != 1:
        raise CaffeError(f"{_path(parent, name)} holds {found.size} values; expected 1")
    return int(found[()].item())


def _get_local(parent: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """Get an object by name. Refuse links into other files."""
    for depth in range(1, name.count("/") + 2):
        if isinstance(parent.get("/".join(name.split("/")[:depth]), getlink=True), h5py.ExternalLink):
            raise CaffeError(f"{_path(parent, name)} links to another file; expected it in this file")
    return parent.get(name)


def _path(parent: h5py.Group, name: str) -> str:
    return f"{parent.file.filename}: {parent.name.rstrip('/')}/{name}"
