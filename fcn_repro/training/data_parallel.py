"""Solvers of several ranks: how they share the passes of an update, and how they synchronise."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Callable

from google.protobuf import text_format

from fcn_repro import ranks
from fcn_repro.datasets.base import data_layer
from fcn_repro.engine import caffe
from fcn_repro.model.run_folder import RunFolder

logger = logging.getLogger(__name__)


def read(folder: RunFolder) -> caffe.proto.caffe_pb2.SolverParameter:
    """What the solver of a run is told.

    Raises   ValueError when its snapshots would be written where nobody looks for them
    """
    param = text_format.Merge(folder.solver.read_text(encoding="utf-8"), caffe.proto.caffe_pb2.SolverParameter())
    if Path(param.snapshot_prefix).resolve() != folder.snapshot_prefix.resolve():
        raise ValueError(
            f"{folder.solver}: snapshot_prefix {param.snapshot_prefix!r}; expected {str(folder.snapshot_prefix)!r}, "
            "where this run's snapshots are looked for"
        )
    return param


def solver_of(param: caffe.proto.caffe_pb2.SolverParameter) -> caffe.SGDSolver:
    """The solver that a SolverParameter describes; pycaffe reads files alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "solver.prototxt")
        path.write_text(text_format.MessageToString(param), encoding="utf-8")
        return caffe.get_solver(str(path))


def shared_solver(folder: RunFolder, param: caffe.proto.caffe_pb2.SolverParameter) -> caffe.SGDSolver:
    """This rank's solver of a run; `param`, what was read, from now on says what the ranks' solvers do together.

    The passes of an update, iter_size, are shared out where they can be: the update is then that of a single process.
    Where they cannot, each rank makes them all, as in Caffe: an update is made of as many times more images as there
    are ranks, at the same rate.
    """
    count = ranks.count()
    if count == 1:
        return caffe.get_solver(str(folder.solver))
    mine = type(param)()
    mine.CopyFrom(param)
    if param.iter_size % count == 0:
        mine.iter_size //= count
        mine.clip_gradients /= count  # it bounds the sum over the passes, which is a mean over the ranks now
    else:
        param.iter_size *= count
        logger.warning(
            "%s: iter_size %d cannot be shared by %d ranks. Each makes as many passes, so an update is made of %d, at "
            "the same rate: that is not the recipe of one process",
            folder.solver, mine.iter_size, count, param.iter_size,
        )  # fmt: skip
    return solver_of(mine)


def synchronise(solver: caffe.SGDSolver) -> Callable[[], None]:
    """Make the ranks' solvers train one net, from the root's weights and the root's place in the image order.

    Returns   a function that gives every rank the root's weights again: only BatchNorm statistics differ between ranks
    """
    if ranks.count() == 1:
        return lambda: None
    nccl = caffe.NCCL(solver, caffe.NCCL.new_uid())
    nccl.bcast()
    solver.add_callback(nccl)
    if solver.param.layer_wise_reduce:
        solver.net.after_backward(nccl)
    layer = data_layer(solver.net)
    layer.seek(ranks.broadcast_from_root(layer.position))
    return nccl.bcast
