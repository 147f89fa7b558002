"""Read HDF5 so that a file of another kind, or a damaged one, is refused by name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py

from fcn_repro.caffe.errors import CaffeError


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
    except (OSError, RuntimeError, KeyError) as error:
        raise CaffeError(f"{path} is no {kind} in HDF5, or a damaged one: {error}") from error


def group(parent: h5py.Group, name: str) -> h5py.Group:
    """A group by name.

    Raises   CaffeError naming the file where there is none.
    """
    found = parent.get(name)
    if not isinstance(found, h5py.Group):
        raise CaffeError(f"{_path(parent, name)} is missing or is no group")
    return found


def numbers(parent: h5py.Group, name: str) -> h5py.Dataset:
    """A data set by name, of integers or floats.

    Raises   CaffeError naming the file where there is none.
    """
    found = parent.get(name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "iuf":
        raise CaffeError(f"{_path(parent, name)} is missing or is no data set of numbers")
    return found


def integer(parent: h5py.Group, name: str) -> int:
    """The value of a data set that holds one number.

    Raises   CaffeError naming the file where there is none.
    """
    found = numbers(parent, name)
    if found.size != 1:
        raise CaffeError(f"{_path(parent, name)} holds {found.size} numbers; expected 1")
    return int(found[()].item())


def _path(parent: h5py.Group, name: str) -> str:
    return f"{parent.file.filename}: {parent.name.rstrip('/')}/{name}"
