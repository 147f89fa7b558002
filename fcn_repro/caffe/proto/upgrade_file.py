"""Files of older Caffe versions, rewritten in the current format: the programs upgrade_*.

Source   caffe 9b89154 tools/upgrade_net_proto_text.cpp, upgrade_net_proto_binary.cpp, upgrade_solver_proto_text.cpp
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from google.protobuf.message import DecodeError, Message

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2, prototxt
from fcn_repro.caffe.proto.upgrade import upgrade_net, upgrade_solver
from fcn_repro.system import untrusted_files
from fcn_repro.system.atomic_write import atomic_write

BINARY_BYTES = 2**31 - 1  # of the largest net, as in Caffe

log = logging.getLogger("caffe")


def upgrade_net_text(source: str, target: str) -> None:
    """Upgrade the prototxt of a net, spelling what forks have as Caffe does.

    Raises   CaffeError as `prototxt.read_net` does
    """
    before = prototxt.read(source, caffe_pb2.NetParameter)
    net = prototxt.read_net(source)
    _report(net == before, source)
    prototxt.write(net, target)
    log.info("Wrote upgraded NetParameter text proto to %s", target, extra={"source": "upgrade_net_proto_text.cpp"})


def upgrade_solver_text(source: str, target: str) -> None:
    """Upgrade a solver file.

    Raises   CaffeError as `prototxt.read` and `upgrade_solver` do
    """
    solver = prototxt.read(source, caffe_pb2.SolverParameter)
    _report(not _changes(solver, source, upgrade_solver), source)
    prototxt.write(solver, target)
    log.info(
        "Wrote upgraded SolverParameter text proto to %s", target, extra={"source": "upgrade_solver_proto_text.cpp"}
    )


def upgrade_net_binary(source: str, target: str) -> None:
    """Upgrade a caffemodel.

    Raises   CaffeError for a missing file, or one that is not a binary NetParameter; as `upgrade_net` does
    """
    try:
        net = caffe_pb2.NetParameter.FromString(untrusted_files.read_bytes(source, BINARY_BYTES))
    except OSError as error:
        raise CaffeError(f"Could not open file {source}: {error.strerror or error}") from error
    except DecodeError as error:
        raise CaffeError(f"{source}: expected a binary NetParameter: {error}") from error
    _report(not _changes(net, source, upgrade_net), source)
    with atomic_write(target, "wb") as file:
        file.write(net.SerializeToString())
    log.info("Wrote upgraded NetParameter binary proto to %s", target, extra={"source": "upgrade_net_proto_binary.cpp"})


def _changes(message: Message, source: str, upgrade: Callable[[Message, str], None]) -> bool:
    """Upgrade a message in place, and return whether that changes it."""
    before = type(message)()
    before.CopyFrom(message)
    upgrade(message, source)
    return message != before


def _report(is_current: bool, source: str | Path) -> None:
    if is_current:
        log.error("File already in latest proto format: %s", source, extra={"source": "upgrade_proto.cpp"})
