"""Write a snapshot that resumes bit-exactly, and restore a solver from it.

Caffe's snapshot stores weights, iteration and momentum. It lacks the position in the data, the state of the generators
behind sampling and dropout, and the losses since the last row of log.csv. Those go to train_iter_N.run.json, which is
written last, so it also marks the snapshot as complete.

The position in the data covers all ranks, so any number of ranks can resume it, as long as an update covers the same
number of images as before.
"""

from __future__ import annotations

import logging
from typing import Any, Mapping

import numpy as np

from fcn_repro import ranks
from fcn_repro.datasets.data_layer import find_data_layer
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.run_folder import Snapshot
from fcn_repro.training.checkpoint_files import read_state, write_state

logger = logging.getLogger(__name__)


def finish_checkpoint(snapshot: Snapshot, solver: caffe.SGDSolver, iter_size: int, window: Mapping[str, Any]) -> None:
    """Write run.json beside the snapshot that Caffe has just written. All ranks must call this; the root writes.

    `iter_size` counts the passes of all ranks together; `window` holds the losses since the last row of log.csv.
    """
    generators = ranks.all_gather(_pack(caffe.random_state())) if hasattr(caffe, "random_state") else None
    if ranks.is_root():
        state = {
            "iteration": solver.iter,
            "data": find_data_layer(solver.net).position(),
            "ranks": ranks.count(),
            "iter_size": iter_size,
            "generators": generators,
            "stretch": window,
        }
        write_state(snapshot, state)


def restore(snapshot: Snapshot, solver: caffe.SGDSolver, iter_size: int) -> Mapping[str, Any]:
    """Restore a solver; the run then continues bit-exactly. Return the stored losses since the last row of log.csv.

    Differs  Real Caffe cannot restore its generators, and another number of ranks has other generators. Dropout masks
             then differ, which is logged.
    Raises   DataError for a snapshot of another net, of another list of images, or of a number of ranks whose updates
             covered another number of images
    """
    state = read_state(snapshot) or {}
    _check_ranks(snapshot, state, iter_size)
    try:
        solver.restore(str(snapshot.history))
        find_data_layer(solver.net).seek(state["data"])
        if state["generators"] and hasattr(caffe, "set_random_state"):
            _set_generator(state["generators"])
        else:
            logger.warning(
                "%s: real Caffe cannot restore its random state, so dropout masks differ from those of an "
                "uninterrupted run; everything else resumes exactly",
                snapshot.resume,
            )
        return state["stretch"]
    except (RuntimeError, ValueError, TypeError, LookupError) as error:
        folder = snapshot.history.parent
        raise DataError(
            f"{snapshot.history}: {error}\nThe snapshots in {folder} do not belong to this net and solver. "
            "Fix: move that folder away to train from scratch"
        ) from error


def _check_ranks(snapshot: Snapshot, state: Mapping[str, Any], iter_size: int) -> None:
    before, passes = state.get("ranks", 1), state.get("iter_size", 1)
    if before == ranks.count():
        return
    if passes != iter_size:
        raise DataError(
            f"{snapshot.resume}: got {ranks.count()} rank(s) with updates of {iter_size} passes, expected {passes} "
            f"passes, as with {before} rank(s) before: this is another recipe. Fix: resume with RANKS={before}, or "
            f"move {snapshot.resume.parent} away to train from scratch"
        )
    logger.warning(
        "%s: %d rank(s) resume a run of %d: every update has the same images, but dropout masks differ",
        snapshot.resume, ranks.count(), before,
    )  # fmt: skip


def _set_generator(states: Any) -> None:
    """Restore this rank's generators; a rank that did not exist before keeps its own seed."""
    states = states if isinstance(states, list) else [states]  # older files of a single process
    if caffe.solver_rank() < len(states):
        packed = states[caffe.solver_rank()]
        caffe.set_random_state({name: np.array(each["values"], each["dtype"]) for name, each in packed.items()})


def _pack(arrays: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Convert integer arrays by name to JSON."""
    named = ((name, np.asarray(array)) for name, array in arrays.items())
    return {name: {"dtype": str(array.dtype), "values": array.tolist()} for name, array in named}
