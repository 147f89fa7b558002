"""Snapshots that a run can be resumed from exactly, and which of them are kept.

Caffe stores the weights, the iteration and the momentum. It does not store which image comes next, the state of the
generators behind sampling and dropout, nor the losses since the last row of the learning curve; those go beside its
files, as `train_iter_N.run.json`. That file is written when the other two are whole, and tells their sizes and digests:
so it also seals the snapshot, and one that was cut short by a kill or a full disk, or that a disk has damaged since, is
never resumed from.

The place in the data is that of all ranks, so any number of them can go on from it, as long as an update is made of as
many images as before.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any, Mapping

import numpy as np

from fcn_repro import ranks
from fcn_repro.datasets.base import data_layer
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.evaluation.score_report import sha256
from fcn_repro.model.run_folder import RunFolder, Snapshot
from fcn_repro.system.atomic_write import atomic_write

KEPT = 2  # of the newest snapshots

logger = logging.getLogger(__name__)


def seal(snapshot: Snapshot, solver: caffe.SGDSolver, iter_size: int, stretch: Mapping[str, Any]) -> None:
    """Store what Caffe does not, beside the snapshot it has just written. Each rank has to come here; the root stores.

    `iter_size` is of all ranks together, `stretch` the learning curve's.
    """
    generators = ranks.all_gather(_pack(caffe.random_state())) if hasattr(caffe, "random_state") else None
    if not ranks.is_root():
        return
    files = (snapshot.weights, snapshot.history)
    state = {
        "iteration": solver.iter,
        "bytes": [path.stat().st_size for path in files],
        "sha256": [sha256(path) for path in files],
        "data": data_layer(solver.net).position(),
        "ranks": ranks.count(),
        "iter_size": iter_size,
        "generators": generators,
        "stretch": stretch,
    }
    with atomic_write(snapshot.resume) as file:
        json.dump({"state": state, "sha256": _digest(state)}, file)


def is_complete(snapshot: Snapshot) -> bool:
    """Whether the snapshot is sealed and its files still have the sizes they were sealed with."""
    state = _read(snapshot)
    return state is not None and all(
        path.is_file() and path.stat().st_size == size
        for path, size in zip((snapshot.weights, snapshot.history), state["bytes"])
    )


def is_sound(snapshot: Snapshot) -> bool:
    """Whether a complete snapshot's files still hold what they were sealed with, byte by byte."""
    state = _read(snapshot)
    for path, digest in zip((snapshot.weights, snapshot.history), state["sha256"] if state else ()):
        if sha256(path) != digest:
            logger.warning("%s is damaged: as long as it was, and something else; passed over", path)
            return False
    return state is not None


def newest(folder: RunFolder) -> Snapshot | None:
    """The latest snapshot of a run that is complete and sound, if any. Later ones that are damaged lose their seal."""
    for snapshot in reversed(folder.snapshots()):
        if is_complete(snapshot):
            if is_sound(snapshot):
                return snapshot
        elif snapshot.resume.exists():
            logger.warning("%s is damaged, or the files beside it are cut short; passed over", snapshot.resume)
        _remove(snapshot.resume)
    return None


def restore(snapshot: Snapshot, solver: caffe.SGDSolver, iter_size: int) -> Mapping[str, Any]:
    """Put a solver where it was when the snapshot was taken: what follows is what would have followed, bit for bit.

    An engine that cannot tell the state of its generators (real Caffe) draws other dropout masks, and so do ranks of
    another number than before; that is logged.

    Returns  the learning curve's stretch that was sealed
    Raises   DataError when the snapshot is of another net, of a list of other images, or of as many ranks that updates
             were made of another number of images
    """
    state = _read(snapshot) or {}
    _check_ranks(snapshot, state, iter_size)
    try:
        solver.restore(str(snapshot.history))
        data_layer(solver.net).seek(state["data"])
        if state["generators"] and hasattr(caffe, "set_random_state"):
            _set_generator(state["generators"])
        else:
            logger.warning(
                "%s: real Caffe cannot store or restore its random state, so dropout masks from here on differ from "
                "those of an uninterrupted run; all else is resumed exactly",
                snapshot.resume,
            )
        return state["stretch"]
    except (RuntimeError, ValueError, TypeError, LookupError) as error:
        raise DataError(
            f"{snapshot.history}: {error}\nThe snapshots in {snapshot.history.parent} are not of this net and this "
            "solver. Move that folder away to train anew"
        ) from error


def _check_ranks(snapshot: Snapshot, state: Mapping[str, Any], iter_size: int) -> None:
    before, passes = state.get("ranks", 1), state.get("iter_size", 1)
    if before == ranks.count():
        return
    if passes != iter_size:
        raise DataError(
            f"{snapshot.resume}: {before} rank(s) made updates of {passes} passes, and {ranks.count()} would make them "
            f"of {iter_size}, which is another recipe. Go on with RANKS={before}, or move {snapshot.resume.parent} "
            "away to train anew"
        )
    logger.warning(
        "%s: %d rank(s) go on where %d stopped: with the same images in every update, and other dropout masks",
        snapshot.resume, ranks.count(), before,
    )  # fmt: skip


def _set_generator(states: Any) -> None:
    """Let this rank draw as it did; one that was not there before draws from its own seed."""
    states = states if isinstance(states, list) else [states]  # as a single process once noted it
    if caffe.solver_rank() < len(states):
        caffe.set_random_state(_unpack(states[caffe.solver_rank()]))


def prune(folder: RunFolder, best: Snapshot | None) -> None:
    """Remove the snapshots, but for the newest `KEPT` complete ones, the `best`, and the scores of all.

    What is newer than the newest complete one is left alone: it is being written, or tells of a mishap.
    """
    kept = [snapshot for snapshot in folder.snapshots() if is_complete(snapshot)][-KEPT:]
    for snapshot in folder.snapshots():
        if kept and snapshot.iteration < kept[-1].iteration and snapshot not in [*kept, best]:
            for path in (snapshot.resume, snapshot.history, snapshot.weights):  # the seal first
                _remove(path)


def _read(snapshot: Snapshot) -> dict[str, Any] | None:
    """What a seal holds; None without one, or where it is not as it was written."""
    try:
        sealed = json.loads(snapshot.resume.read_text(encoding="utf-8"))
        state = sealed["state"]
        return state if sealed["sha256"] == _digest(state) and {"bytes", "sha256"} <= set(state) else None
    except (FileNotFoundError, ValueError, TypeError, LookupError, RecursionError):
        return None


def _digest(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _remove(path: Path) -> None:
    if path.exists():
        path.unlink()


def _pack(arrays: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Integer arrays by name, as JSON."""
    named = ((name, np.asarray(array)) for name, array in arrays.items())
    return {name: {"dtype": str(array.dtype), "values": array.tolist()} for name, array in named}


def _unpack(packed: Mapping[str, Mapping[str, Any]]) -> dict[str, np.ndarray]:
    return {name: np.array(array["values"], array["dtype"]) for name, array in packed.items()}
