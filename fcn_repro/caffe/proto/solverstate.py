"""Read and write .solverstate files: where a training run stands, beside its weights.

Source   caffe 9b89154 caffe.proto (SolverState), sgd_solver.cpp (SnapshotSolverState..., RestoreSolverState...)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import hdf5_file
from fcn_repro.caffe.proto.stored_blob import StoredBlob, blob_pieces, read_blob
from fcn_repro.caffe.proto.wire import BYTES, VARINT, Reader, key, size_of, tagged, varint
from fcn_repro.system.atomic_write import atomic_write

LAST = 2**31 - 1  # iteration; Caffe counts in 32 bits


@dataclass
class SolverState:
    """Iteration, the weights file that belongs to it, the step counter of `multistep`, and the update history."""

    iter: int = 0
    learned_net: str = ""
    current_step: int = 0
    history: list[StoredBlob] = field(default_factory=list)


def read(path: str | Path) -> SolverState:
    """A solver state, HDF5 if the name ends in .h5 and a binary SolverState otherwise.

    Raises   RuntimeError("Could not open file ...") for a missing file; CaffeError naming the file and what is wrong.
    """
    if str(path).endswith(".h5"):
        return _read_hdf5(path)
    reader, state = Reader(path, ".solverstate"), SolverState()
    for part in reader.message():
        if part.number == 1 and part.wire == VARINT:
            state.iter = part.value
        elif part.number == 2 and part.wire == BYTES:
            state.learned_net = reader.text(part)
        elif part.number == 3 and part.wire == BYTES:
            state.history.append(read_blob(reader, part, f"{path}: history {len(state.history)}"))
        elif part.number == 4 and part.wire == VARINT:
            state.current_step = part.value
    if not (0 <= state.iter <= LAST and 0 <= state.current_step <= LAST):
        raise CaffeError(f"{path}: iteration {state.iter}, step {state.current_step}; the file is damaged")
    return state


def write(path: str | Path, state: SolverState) -> None:
    """Write a solver state atomically, in the format that the name asks for."""
    if str(path).endswith(".h5"):
        _write_hdf5(path, state)
        return
    with atomic_write(path, "wb") as file:
        file.write(key(1, VARINT) + varint(state.iter) + tagged(2, state.learned_net.encode()))
        for blob in state.history:
            body = blob_pieces(blob)
            file.writelines([key(3, BYTES), varint(size_of(body)), *body])
        file.write(key(4, VARINT) + varint(state.current_step))


def _read_hdf5(path: str | Path) -> SolverState:
    with hdf5_file.reading(path, "solver state") as file:
        history = hdf5_file.group(file, "history")
        return SolverState(
            iter=hdf5_file.integer(file, "iter"),
            learned_net=hdf5_file.text(file, "learned_net"),
            current_step=hdf5_file.integer(file, "current_step"),
            history=[_read_history(history, index) for index in range(len(history))],
        )


def _read_history(history: h5py.Group, index: int) -> StoredBlob:
    values = hdf5_file.numbers(history, str(index))
    where = f"{history.file.filename}: history {index}"
    return StoredBlob(values.shape, False, values[()].astype(np.float32).reshape(-1), where=where)


def _write_hdf5(path: str | Path, state: SolverState) -> None:
    with atomic_write(path, "wb") as temporary, h5py.File(temporary, "w") as file:
        file["iter"] = np.array([state.iter], np.int32)
        name = state.learned_net.encode() + b"\0"  # Caffe reads up to a NUL
        file.create_dataset("learned_net", data=np.array(name, f"S{len(name)}"))
        file["current_step"] = np.array([state.current_step], np.int32)
        history = file.create_group("history")
        for index, blob in enumerate(state.history):
            history[str(index)] = blob.data.reshape(blob.shape)
