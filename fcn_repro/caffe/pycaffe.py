"""caffe.pycaffe: the names of Caffe's compiled module, for scripts that import them from here."""

from fcn_repro.caffe.net.net import Net as Net
from fcn_repro.caffe.solver.nccl import NCCL as NCCL
from fcn_repro.caffe.solver.update_rules import AdaDeltaSolver as AdaDeltaSolver
from fcn_repro.caffe.solver.update_rules import AdaGradSolver as AdaGradSolver
from fcn_repro.caffe.solver.update_rules import AdamSolver as AdamSolver
from fcn_repro.caffe.solver.update_rules import NesterovSolver as NesterovSolver
from fcn_repro.caffe.solver.update_rules import RMSPropSolver as RMSPropSolver
from fcn_repro.caffe.solver.update_rules import SGDSolver as SGDSolver
from fcn_repro.caffe.timer import Timer as Timer
