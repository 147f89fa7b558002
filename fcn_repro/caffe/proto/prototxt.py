"""Read and write prototxts: Caffe's nets and solvers as text.

The text is protobuf's text format, read strictly: an unknown field, a second value for a field that takes one, or a
missing required field is refused, as Caffe does. Files in older formats are upgraded in memory as they are read.

Source   caffe 9b89154 io.cpp (ReadProtoFromTextFile), upgrade_proto.cpp (Read*ParamsFromTextFileOrDie)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.upgrade import upgrade_net, upgrade_solver
from fcn_repro.system import untrusted_files
from fcn_repro.system.atomic_write import atomic_write

SHOWN = 200  # characters of a faulty line, or of what the parser says of it

AnyMessage = TypeVar("AnyMessage", bound=Message)


def read_net(path: str | Path) -> Any:
    """The NetParameter that a prototxt of any age describes, in today's format.

    Raises   CaffeError as `read` and `upgrade_net` do.
    """
    net = read(path, caffe_pb2.NetParameter)
    upgrade_net(net, str(path))
    return net


def read_solver(path: str | Path) -> Any:
    """The SolverParameter that a solver file describes, in today's format and with its snapshot_prefix filled in.

    Without a prefix, snapshots lie beside the solver file under its name; a prefix that is a folder gets that name too.

    Raises   CaffeError as `read` and `upgrade_solver` do.
    """
    solver = read(path, caffe_pb2.SolverParameter)
    upgrade_solver(solver, str(path))
    stem = os.path.splitext(str(path))[0]
    if not solver.HasField("snapshot_prefix"):
        solver.snapshot_prefix = stem
    elif os.path.isdir(solver.snapshot_prefix):
        solver.snapshot_prefix = os.path.join(solver.snapshot_prefix, os.path.basename(stem))
    return solver


def read(path: str | Path, kind: type[AnyMessage]) -> AnyMessage:
    """The message of class `kind` that a file holds, exactly as written.

    Raises   CaffeError("Could not open file ...") or as `parse` does.
    """
    try:
        text = untrusted_files.read_text(path)
    except OSError as error:
        raise CaffeError(f"Could not open file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CaffeError(
            f"{path}: byte {error.start} is no UTF-8 text; expected a {kind.DESCRIPTOR.name} prototxt"
        ) from error
    return parse(text, kind, str(path))


def parse(text: str, kind: type[AnyMessage], source: str) -> AnyMessage:
    """The message of class `kind` that a text describes; `source` names the text in errors.

    Raises   CaffeError naming source, line and column (from 1), what was wrong, and the line itself.
    """
    try:
        message = text_format.Parse(text, kind())
    except text_format.ParseError as error:
        raise CaffeError(_complaint(error, text, kind, source)) from None
    missing = message.FindInitializationErrors()
    if missing:
        raise CaffeError(f"{source}: {kind.DESCRIPTOR.name} lacks the required {', '.join(missing)}")
    return message


def write(message: Message, path: str | Path) -> None:
    """Write a message as text; whatever stood at `path` stays whole until the new text is.

    Raises   OSError when the folder is missing or cannot be written.
    """
    with atomic_write(path) as file:
        file.write(text_format.MessageToString(message))


def _complaint(error: text_format.ParseError, text: str, kind: type[Message], source: str) -> str:
    line, column = error.GetLine(), error.GetColumn()
    if line is None:
        return f"{source}: no {kind.DESCRIPTOR.name} prototxt: {error}"
    reason = str(error).split(" : ", 1)[-1]
    found = [*text.split("\n"), ""][line - 1].strip()
    return f"{source}:{line}:{column}: no {kind.DESCRIPTOR.name} prototxt: {_short(reason)} In: {_short(found)!r}"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
