"""Read and write .solverstate files: iteration and update history of a training run.

Source   caffe 9b89154 caffe.proto (SolverState), sgd_solver.cpp (SnapshotSolverState..., RestoreSolverState...)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import hdf5_file
from fcn_repro.caffe.proto.stored_blob import StoredBlob, encode_blob, read_blob
from fcn_repro.caffe.proto.wire import BYTES, VARINT, Reader, encode_field, encode_integer, encode_message
from fcn_repro.system.atomic_write import atomic_write

MAX_ITERATION = 2**31 - 1  # Caffe counts in int32


@dataclass
class SolverState:
    """Iteration, weights file, step counter of `multistep`, and update history."""

    iter: int = 0
    learned_net: str = ""
    current_step: int = 0
    history: list[StoredBlob] = field(default_factory=list)


def read(path: str | Path) -> SolverState:
    """Read a solver state: HDF5 if the name ends in .h5, else a binary SolverState.

    Raises   CaffeError("Could not open file ...") for a missing file, or naming the file and the fault.
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
    if not (0 <= state.iter <= MAX_ITERATION and 0 <= state.current_step <= MAX_ITERATION):
        raise CaffeError(f"{path}: iteration {state.iter}, step {state.current_step}; the file is damaged")
    return state


def write(path: str | Path, state: SolverState) -> None:
    """Write a solver state atomically; the name selects the format."""
    if str(path).endswith(".h5"):
        _write_hdf5(path, state)
        return
    with atomic_write(path, "wb") as file:
        file.write(encode_integer(1, state.iter) + encode_field(2, state.learned_net.encode()))
        for blob in state.history:
            file.writelines(encode_message(3, encode_blob(blob)))
        file.write(encode_integer(4, state.current_step))


def _read_hdf5(path: str | Path) -> SolverState:
    with hdf5_file.open_hdf5(path, "solver state") as file:
        history = hdf5_file.get_group(file, "history")
        return SolverState(
            iter=hdf5_file.get_integer(file, "iter"),
            learned_net=hdf5_file.get_text(file, "learned_net"),
            current_step=hdf5_file.get_integer(file, "current_step"),
            history=[_read_history(history, index) for index in range(len(history))],
        )


def _read_history(history: h5py.Group, index: int) -> StoredBlob:
    values = hdf5_file.get_numbers(history, str(index))
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
