"""The solver of a run, alone or as one of several data-parallel ranks."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Callable

from google.protobuf import text_format

from fcn_repro import ranks
from fcn_repro.datasets.data_layer import find_data_layer
from fcn_repro.engine import caffe
from fcn_repro.model import prototxt
from fcn_repro.model.run_folder import RunFolder

logger = logging.getLogger(__name__)


def read_solver(folder: RunFolder) -> caffe.proto.caffe_pb2.SolverParameter:
    """Read the solver.prototxt of a run.

    Raises   ValueError if its snapshots would go to another folder
    """
    param = prototxt.read_solver(folder.solver)
    if Path(param.snapshot_prefix).resolve() != folder.snapshot_prefix.resolve():
        raise ValueError(
            f"{folder.solver}: snapshot_prefix: got {param.snapshot_prefix!r}, expected {str(folder.snapshot_prefix)!r}"
        )
    return param


def make_solver(param: caffe.proto.caffe_pb2.SolverParameter) -> caffe.SGDSolver:
    """Make the solver of a SolverParameter, through a file: pycaffe reads nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "solver.prototxt")
        path.write_text(text_format.MessageToString(param), encoding="utf-8")
        return caffe.get_solver(str(path))


def make_rank_solver(folder: RunFolder, param: caffe.proto.caffe_pb2.SolverParameter) -> caffe.SGDSolver:
    """Make this rank's solver of a run, and change `param` to describe the update of all ranks together.

    The ranks divide the passes of an update (iter_size) if their number divides it; the update then equals that of a
    single process. Otherwise each rank makes all passes, as in Caffe: an update covers that many times more images, at
    the same rate.
    """
    count = ranks.count()
    if count == 1:
        return caffe.get_solver(str(folder.solver))
    own = type(param)()
    own.CopyFrom(param)
    if param.iter_size % count == 0:
        own.iter_size //= count
        own.clip_gradients /= count  # it bounds the sum over the passes, which is now a mean over the ranks
    else:
        param.iter_size *= count
        logger.warning(
            "%s: %d ranks cannot divide iter_size %d. Each rank makes all passes, so an update has %d at the same "
            "rate: this is not the recipe of one process",
            folder.solver, count, own.iter_size, param.iter_size,
        )  # fmt: skip
    return make_solver(own)


def synchronise(solver: caffe.SGDSolver) -> Callable[[], None]:
    """Make the ranks' solvers train one net, from the root's weights and the root's place in the image order.

    Returns   a function that gives every rank the root's weights again: only BatchNorm statistics differ between ranks
    """
    nccl = couple(solver)
    if nccl is None:
        return lambda: None
    layer = find_data_layer(solver.net)
    layer.seek(ranks.broadcast_from_root(layer.position))
    return nccl.bcast


def couple(solver: caffe.SGDSolver) -> caffe.NCCL | None:
    """Give every rank's solver the root's weights, and let all update by their mean gradient; None if alone."""
    if ranks.count() == 1:
        return None
    nccl = caffe.NCCL(solver, caffe.NCCL.new_uid())
    nccl.bcast()
    solver.add_callback(nccl)
    if solver.param.layer_wise_reduce:
        solver.net.after_backward(nccl)
    return nccl
