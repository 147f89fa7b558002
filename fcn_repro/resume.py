"""Snapshots that a run can be resumed from exactly, and which of them are kept.

Caffe stores the weights, the iteration and the momentum. It does not store which image comes next, nor the state of
the generators behind sampling and dropout; those go beside its files, as `train_iter_N.run.json`. That file is written
when the other two are whole, and tells their sizes: so it also seals the snapshot, and one that was cut short by a kill
or a full disk is never resumed from.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Mapping

import numpy as np

from fcn_repro.atomic import replacing
from fcn_repro.datasets.base import data_layer
from fcn_repro.engine import caffe
from fcn_repro.folder import RunFolder, Snapshot

KEPT = 2  # of the newest snapshots

logger = logging.getLogger(__name__)


def seal(snapshot: Snapshot, solver: caffe.SGDSolver) -> None:
    """Store what Caffe does not, beside the snapshot it has just written."""
    state = {
        "iteration": solver.iter,
        "bytes": [snapshot.weights.stat().st_size, snapshot.history.stat().st_size],
        "data": data_layer(solver.net).position(),
        "generators": _pack(caffe.random_state()) if hasattr(caffe, "random_state") else None,
    }
    with replacing(snapshot.resume) as file:
        json.dump(state, file)


def is_complete(snapshot: Snapshot) -> bool:
    """Whether the snapshot is sealed and its files still have the sizes they were sealed with."""
    try:
        state = json.loads(snapshot.resume.read_text(encoding="utf-8"))
        return state["bytes"] == [snapshot.weights.stat().st_size, snapshot.history.stat().st_size]
    except FileNotFoundError:
        return False


def newest(folder: RunFolder) -> Snapshot | None:
    """The latest complete snapshot of a run, if any."""
    return next((snapshot for snapshot in reversed(folder.snapshots()) if is_complete(snapshot)), None)


def restore(snapshot: Snapshot, solver: caffe.SGDSolver) -> None:
    """Put a solver where it was when the snapshot was taken: what follows is what would have followed, bit for bit.

    An engine that cannot tell the state of its generators (real Caffe) draws other dropout masks; that is logged.
    """
    solver.restore(str(snapshot.history))
    state = json.loads(snapshot.resume.read_text(encoding="utf-8"))
    data_layer(solver.net).seek(state["data"])
    if state["generators"] and hasattr(caffe, "set_random_state"):
        caffe.set_random_state(_unpack(state["generators"]))
    else:
        logger.warning(
            "%s: real Caffe cannot store or restore its random state, so dropout masks from here on differ from those "
            "of an uninterrupted run; all else is resumed exactly",
            snapshot.resume,
        )


def prune(folder: RunFolder, best: Snapshot | None) -> None:
    """Remove the snapshots, but for the newest `KEPT` complete ones, the `best`, and the scores of all.

    What is newer than the newest complete one is left alone: it is being written, or tells of a mishap.
    """
    kept = [snapshot for snapshot in folder.snapshots() if is_complete(snapshot)][-KEPT:]
    for snapshot in folder.snapshots():
        if kept and snapshot.iteration < kept[-1].iteration and snapshot not in [*kept, best]:
            for path in (snapshot.resume, snapshot.history, snapshot.weights):  # the seal first
                _remove(path)


def _remove(path: Path) -> None:
    if path.exists():
        path.unlink()


def _pack(arrays: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Integer arrays by name, as JSON."""
    named = ((name, np.asarray(array)) for name, array in arrays.items())
    return {name: {"dtype": str(array.dtype), "values": array.tolist()} for name, array in named}


def _unpack(packed: Mapping[str, Mapping[str, Any]]) -> dict[str, np.ndarray]:
    return {name: np.array(array["values"], array["dtype"]) for name, array in packed.items()}
