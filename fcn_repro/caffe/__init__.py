"""Our pycaffe-compatible engine on PyTorch.

    import fcn_repro.caffe as caffe
    caffe.set_mode_cpu()
    solver = caffe.SGDSolver("solver.prototxt")
    solver.step(100)

The root has pycaffe's names with pycaffe's behaviour. Importing it changes no setting of the process. Below it:

net/            Net: build, run, load and save weights           start with net/net.py
solver/         solvers, learning rates, data-parallel training  start with solver/solver.py
layers/         one file per layer type, in Caffe's catalogue    start with layers/base.py
random/         Caffe's random numbers, to the bit
proto/          Caffe's messages and files
database/       databases of images: written, averaged, read by Data layers
kernels/        faster CPU kernels, which layers use
padding_cache/  reuse of activations that depend only on padding
blob.py         the arrays between layers; synced_memory.py is their memory
"""

from __future__ import annotations

from fcn_repro.caffe import _caffe, coord_map, database, draw, io, pycaffe
from fcn_repro.caffe._caffe import __version__
from fcn_repro.caffe.blob import Blob, BlobVec
from fcn_repro.caffe.classifier import Classifier
from fcn_repro.caffe.detector import Detector
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.glog import init_log, log
from fcn_repro.caffe.layers import layer_type_list
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.mode import set_device, set_mode_cpu, set_mode_gpu
from fcn_repro.caffe.net.net import Net
from fcn_repro.caffe.net_spec import NetSpec, to_proto
from fcn_repro.caffe.proto import caffe_pb2, upgrade_file
from fcn_repro.caffe.random.rng import random_state, set_random_seed, set_random_state
from fcn_repro.caffe.solver.nccl import NCCL, all_gather, has_nccl
from fcn_repro.caffe.solver.solver_rank import (
    set_multiprocess,
    set_solver_count,
    set_solver_rank,
    solver_count,
    solver_rank,
)
from fcn_repro.caffe.solver.update_rules import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    get_solver,
)
from fcn_repro.caffe.timer import Timer
from fcn_repro.caffe.vectors import IntVec

# Last: pycaffe's L and P replace the package of layer classes, which has L's name.
from fcn_repro.caffe.net_spec import layers, params  # isort: skip

TRAIN: int = caffe_pb2.TRAIN
TEST: int = caffe_pb2.TEST
