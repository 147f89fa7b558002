"""Write LMDB databases, with the library lmdb.

Source   caffe 9b89154 db_lmdb.cpp (Open, Commit, DoubleMapSize)
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto.text_encoding import show_path

BATCH = 1000  # records per transaction, as Caffe's programs
MAP_BYTES = 2**24  # of the first map, which doubles when it is full

log = logging.getLogger("caffe")


class LmdbWriter:
    """Puts records into a database, in transactions of BATCH."""

    def __init__(self, environment: Any, lmdb: Any) -> None:
        self._environment, self._lmdb = environment, lmdb
        self._records: list[tuple[bytes, bytes]] = []

    def put(self, key: bytes, value: bytes) -> None:
        """Add a record; an equal key's value is replaced.

        Raises   CaffeError for a key that LMDB does not take
        """
        if not 0 < len(key) <= self._environment.max_key_size():
            most = self._environment.max_key_size()
            raise CaffeError(f"got a key of {len(key)} bytes, expected 1 to {most}: {show_path(os.fsdecode(key))[:80]}")
        self._records.append((key, value))
        if len(self._records) == BATCH:
            self.commit()

    def commit(self) -> None:
        """Write the records since the last commit."""
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, value in self._records:
                        transaction.put(key, value)
            except self._lmdb.MapFullError:
                self._environment.set_mapsize(2 * self._environment.info()["map_size"])
                continue
            self._records.clear()
            return


@contextlib.contextmanager
def create_database(path: str, backend: str = "lmdb") -> Iterator[LmdbWriter]:
    """Create a database that appears at `path` when the block ends without an exception.

    Raises   CaffeError for another backend than lmdb, an existing `path`, or without the library lmdb
    """
    if backend.lower() != "lmdb":
        raise CaffeError(f"backend: got {backend!r}, expected lmdb, the only one that this engine reads")
    if os.path.lexists(path):
        raise CaffeError(f"mkdir {show_path(path)} failed: it exists. Fix: remove it, or give another name")
    try:
        import lmdb
    except ImportError as error:
        raise CaffeError("writing an LMDB needs the package lmdb. Fix: pip install lmdb") from error
    folder, name = os.path.split(os.path.abspath(path))
    unfinished = tempfile.mkdtemp(prefix=f".{name}.", suffix=".part", dir=folder)
    try:
        with lmdb.open(unfinished, map_size=MAP_BYTES) as environment:
            log.info("Opened lmdb %s", show_path(path), extra={"source": "db_lmdb.cpp"})
            writer = LmdbWriter(environment, lmdb)
            yield writer
            writer.commit()
        os.chmod(unfinished, 0o755)
        os.rename(unfinished, path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
