"""Which nets a solver file names: one to train, and those to test.

Source   caffe 9b89154 solver.cpp (InitTrainNet, InitTestNets)
"""

from __future__ import annotations

from fcn_repro.caffe.errors import CaffeError, naming
from fcn_repro.caffe.net.net import Net
from fcn_repro.caffe.proto import caffe_pb2, prototxt


def train_net(param) -> Net:
    """The net that a SolverParameter trains: `net`, `train_net`, or one of these inline.

    Raises   CaffeError if it names none or several.
    """
    given = [name for name in ("net", "net_param", "train_net", "train_net_param") if param.HasField(name)]
    if len(given) != 1:
        raise CaffeError(f"a solver names its train net once, by net or train_net (or inline); found {given or 'none'}")
    return _net(getattr(param, given[0]), caffe_pb2.TRAIN, param.train_state)


def test_nets(param) -> list[Net]:
    """The nets that a SolverParameter tests: the inline ones, the named ones, then `net` for every test_iter left.

    Raises   CaffeError where test_iter, test_interval or test_state do not go with them.
    """
    sources = [*param.test_net_param, *param.test_net]
    generic = next((name for name in ("net_param", "net") if param.HasField(name)), None)
    passes = len(param.test_iter)
    if generic is None and passes != len(sources):
        raise CaffeError(f"test_iter is given {passes} times for {len(sources)} test nets; expected one each")
    if passes < len(sources):
        raise CaffeError(f"test_iter is given {passes} times for at least {len(sources)} test nets; expected one each")
    if generic is not None:
        sources += [getattr(param, generic)] * (passes - len(sources))
    if sources and param.test_interval <= 0:
        raise CaffeError(f"test_interval is {param.test_interval}; with a test net it must be more than 0")
    if len(param.test_state) not in (0, len(sources)):
        raise CaffeError(
            f"test_state is given {len(param.test_state)} times for {len(sources)} test nets; expected none or one each"
        )
    states = list(param.test_state) or [caffe_pb2.NetState()] * len(sources)
    return [_net(source, caffe_pb2.TEST, state) for source, state in zip(sources, states, strict=True)]


def _net(source, phase: int, state) -> Net:
    """The net of a path or an inline message; its state is the phase, then its own, then the solver's."""
    in_file = isinstance(source, str)
    param = caffe_pb2.NetParameter()
    param.CopyFrom(prototxt.read_net(source) if in_file else source)
    merged = caffe_pb2.NetState(phase=phase)
    merged.MergeFrom(param.state)
    merged.MergeFrom(state)
    param.state.CopyFrom(merged)
    with naming(source if in_file else f"the inline net {param.name!r}"):
        return Net.from_param(param)
