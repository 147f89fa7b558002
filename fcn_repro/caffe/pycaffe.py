"""caffe.pycaffe: the names of Caffe's compiled module, for scripts that import them from here."""

from __future__ import annotations

from fcn_repro.caffe.net.net import Net
from fcn_repro.caffe.solver.nccl import NCCL
from fcn_repro.caffe.solver.update_rules import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
)
from fcn_repro.caffe.timer import Timer

__all__ = [
    "NCCL",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "NesterovSolver",
    "Net",
    "RMSPropSolver",
    "SGDSolver",
    "Timer",
]
