"""The nets of a solver file: one train net, and any number of test nets.

Source   caffe 9b89154 solver.cpp (InitTrainNet, InitTestNets)
"""

import logging

from fcn_repro.caffe.errors import CaffeError, attach_file
from fcn_repro.caffe.layers import known_types
from fcn_repro.caffe.net.net import Net
from fcn_repro.caffe.proto import caffe_pb2, prototxt
from fcn_repro.caffe.solver import solver_rank
from fcn_repro.caffe.vectors import NetVec

log = logging.getLogger("caffe")
SOURCE = {"source": "solver.cpp"}


def train_net(param) -> Net:
    """Build the train net of a SolverParameter: `net`, `train_net`, or one of these inline.

    Raises   CaffeError unless there is exactly one, and for a net without layers
    """
    given = [name for name in ("net", "net_param", "train_net", "train_net_param") if param.HasField(name)]
    if len(given) != 1:
        raise CaffeError(
            f"train net: got {given or 'none'}, expected one of net, train_net, net_param, train_net_param"
        )
    (name,) = given
    source = getattr(param, name)
    if solver_rank.is_root_solver():
        title = f"from {name} file: {source}" if isinstance(source, str) else f"specified in {name}."
        log.info("Creating training net %s", title, extra=SOURCE)
    net = _net(source, caffe_pb2.TRAIN, param.train_state)
    if not net.layers:
        raise CaffeError(f"{name}: got a net without layers, expected at least one. Fix: {_advise(source)}")
    return net


def test_nets(param) -> NetVec:
    """Build the test nets of a SolverParameter: inline ones, named ones, then `net` for every further test_iter.

    Raises   CaffeError where test_iter, test_interval or test_state do not match the nets
    """
    sources = [*param.test_net_param, *param.test_net]
    generic = next((name for name in ("net_param", "net") if param.HasField(name)), None)
    passes = len(param.test_iter)
    if passes < len(sources) or (generic is None and passes != len(sources)):
        least = "" if generic is None else "at least "
        raise CaffeError(f"test_iter: got {passes} values for {least}{len(sources)} test nets; expected one each")
    if generic is not None:
        sources += [getattr(param, generic)] * (passes - len(sources))
    if sources and param.test_interval <= 0:
        raise CaffeError(f"test_interval: got {param.test_interval} with a test net; expected more than 0")
    if len(param.test_state) not in (0, len(sources)):
        raise CaffeError(
            f"test_state: got {len(param.test_state)} values for {len(sources)} test nets; expected none or one each"
        )
    titles = ["test_net_param"] * len(param.test_net_param) + [f"test_net file: {path}" for path in param.test_net]
    titles += [f"net file: {param.net}" if generic == "net" else "net_param"] * (len(sources) - len(titles))
    states = list(param.test_state) or [caffe_pb2.NetState()] * len(sources)
    nets = NetVec()
    for index, (source, title, state) in enumerate(zip(sources, titles, states, strict=True)):
        if solver_rank.is_root_solver():
            log.info("Creating test net (#%d) specified by %s", index, title, extra=SOURCE)
        nets.append(_net(source, caffe_pb2.TEST, state))
        nets[-1].debug_info = param.debug_info
    return nets


def _net(source, phase: int, state) -> Net:
    """Build the net of a path or an inline message; its state merges the phase, its own state and the solver's."""
    in_file = isinstance(source, str)
    param = caffe_pb2.NetParameter()
    param.CopyFrom(prototxt.read_net(source, known_types()) if in_file else source)
    merged = caffe_pb2.NetState(phase=phase)
    merged.MergeFrom(param.state)
    merged.MergeFrom(state)
    param.state.CopyFrom(merged)
    with attach_file(source if in_file else f"the inline net {param.name!r}"):
        return Net.from_param(param, source if in_file else None)


def _advise(source) -> str:
    if not isinstance(source, str) and source.layers:
        return "write its `layers` (format of 2014) as `layer`; Caffe upgrades files, and no inline nets"
    return "check the file and its include and exclude rules"
