"""caffe._caffe: the names of pycaffe's compiled module, for scripts that import them from here.

Source   caffe 9b89154 python/caffe/_caffe.cpp
"""

from fcn_repro.caffe.blob import Blob as Blob
from fcn_repro.caffe.blob import BlobVec as BlobVec
from fcn_repro.caffe.glog import init_log as init_log
from fcn_repro.caffe.glog import log as log
from fcn_repro.caffe.layers import layer_type_list as layer_type_list
from fcn_repro.caffe.layers.base import Layer as Layer
from fcn_repro.caffe.mode import set_device as set_device
from fcn_repro.caffe.mode import set_mode_cpu as set_mode_cpu
from fcn_repro.caffe.mode import set_mode_gpu as set_mode_gpu
from fcn_repro.caffe.net.net import Net as Net
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.random.rng import set_random_seed as set_random_seed
from fcn_repro.caffe.solver.nccl import NCCL as NCCL
from fcn_repro.caffe.solver.nccl import has_nccl as has_nccl
from fcn_repro.caffe.solver.solver import Solver as Solver
from fcn_repro.caffe.solver.solver_rank import set_multiprocess as set_multiprocess
from fcn_repro.caffe.solver.solver_rank import set_solver_count as set_solver_count
from fcn_repro.caffe.solver.solver_rank import set_solver_rank as set_solver_rank
from fcn_repro.caffe.solver.solver_rank import solver_count as solver_count
from fcn_repro.caffe.solver.solver_rank import solver_rank as solver_rank
from fcn_repro.caffe.solver.update_rules import AdaDeltaSolver as AdaDeltaSolver
from fcn_repro.caffe.solver.update_rules import AdaGradSolver as AdaGradSolver
from fcn_repro.caffe.solver.update_rules import AdamSolver as AdamSolver
from fcn_repro.caffe.solver.update_rules import NesterovSolver as NesterovSolver
from fcn_repro.caffe.solver.update_rules import RMSPropSolver as RMSPropSolver
from fcn_repro.caffe.solver.update_rules import SGDSolver as SGDSolver
from fcn_repro.caffe.solver.update_rules import get_solver as get_solver
from fcn_repro.caffe.timer import Timer as Timer
from fcn_repro.caffe.vectors import BoolVec as BoolVec
from fcn_repro.caffe.vectors import DtypeVec as DtypeVec
from fcn_repro.caffe.vectors import IntVec as IntVec
from fcn_repro.caffe.vectors import LayerVec as LayerVec
from fcn_repro.caffe.vectors import NetVec as NetVec
from fcn_repro.caffe.vectors import RawBlobVec as RawBlobVec
from fcn_repro.caffe.vectors import StringVec as StringVec

LayerParameter = caffe_pb2.LayerParameter
SolverParameter = caffe_pb2.SolverParameter
__version__ = "1.0.0"  # of the Caffe whose behaviour this is
