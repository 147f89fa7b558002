"""Read and write prototxts: nets and solvers in protobuf's text format.

As in Caffe, reading is strict: unknown fields, repeated values of a single field and missing required fields raise
CaffeError; comments and strings may have any encoding. Older formats are upgraded in memory.

Source   caffe 9b89154 io.cpp (ReadProtoFromTextFile), upgrade_proto.cpp (Read*ParamsFromTextFileOrDie)
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from fcn_repro.caffe.dialects.refusals import describe_unknown
from fcn_repro.caffe.dialects.silent_traps import apply_dialect, warn
from fcn_repro.caffe.dialects.spellings import replace_fields, replace_types
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.text_encoding import decode_text, file_path
from fcn_repro.caffe.proto.text_printer import print_text
from fcn_repro.caffe.proto.upgrade import upgrade_net, upgrade_solver
from fcn_repro.system import untrusted_files
from fcn_repro.system.atomic_write import atomic_write

_UNKNOWN = re.compile("has no (field|value|enum value) ")
MAX_SHOWN = 200  # characters of a faulty line, or of the parser's message, in an error

AnyMessage = TypeVar("AnyMessage", bound=Message)


def read_net(path: str | Path, known_types: Collection[str] | None = None) -> Any:
    """Read the NetParameter in a prototxt, upgrade it to the current format, and read dialects of forks as Caffe's.

    CAFFE_DIALECT names the dialect; without it, what a fork computes otherwise than Caffe gives a warning.

    Raises   CaffeError as `read`, `upgrade_net`, `replace_fields`, `replace_types` and `apply_dialect` do.
    """
    net = read(path, caffe_pb2.NetParameter, known_types)
    replace_fields(net, str(path))
    upgrade_net(net, str(path))
    replace_types(net, str(path))
    dialect = os.environ.get("CAFFE_DIALECT")
    if dialect:
        apply_dialect(net, dialect, str(path))
    else:
        warn(net, str(path))
    return net


def read_solver(path: str | Path) -> Any:
    """Read the SolverParameter in a solver file, upgrade it and complete its snapshot_prefix.

    The default prefix is the path of the solver file without its extension. If the prefix is a folder, the solver
    file's name is appended.

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


def read(path: str | Path, kind: type[AnyMessage], known_types: Collection[str] | None = None) -> AnyMessage:
    """Read a message of class `kind` from a text file, without upgrading it.

    Raises   CaffeError("Could not open file ...") or as `parse` does.
    """
    try:
        text = decode_text(untrusted_files.read_bytes(file_path(str(path))))
    except OSError as error:
        raise CaffeError(f"Could not open file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CaffeError(
            f"{path}: byte {error.start} is not UTF-8 text; expected a {kind.DESCRIPTOR.name} prototxt"
        ) from error
    return parse(text, kind, str(path), known_types)


def parse(text: str, kind: type[AnyMessage], source: str, known_types: Collection[str] | None = None) -> AnyMessage:
    """Parse a message of class `kind`; `source` names the text in errors.

    Raises   CaffeError with source, line and column (from 1), the parser's reason and the line; after an unknown field
             or value, all others too, and the layer types that `known_types` lacks.
    """
    try:
        message = text_format.Parse(text, kind())
    except text_format.ParseError as error:
        fault = _describe_error(error, text, kind, source)
        if _UNKNOWN.search(str(error)):
            fault += f"\nUnknown here:\n{describe_unknown(text, kind.DESCRIPTOR, known_types)}"
        raise CaffeError(fault) from None
    missing = message.FindInitializationErrors()
    if missing:
        raise CaffeError(f"{source}: {kind.DESCRIPTOR.name} lacks the required {', '.join(missing)}")
    return message


def write(message: Message, path: str | Path) -> None:
    """Write a message as text, as Caffe writes it, atomically.

    Raises   OSError if the folder is missing or not writable.
    """
    with atomic_write(path) as file:
        file.write(print_text(message))


def _describe_error(error: text_format.ParseError, text: str, kind: type[Message], source: str) -> str:
    line, column = error.GetLine(), error.GetColumn()
    if line is None:
        return f"{source}: not a {kind.DESCRIPTOR.name} prototxt: {error}"
    reason = str(error).split(" : ", 1)[-1]
    found = [*text.split("\n"), ""][line - 1].strip()
    return (
        f"{source}:{line}:{column}: not a {kind.DESCRIPTOR.name} prototxt: {_shorten(reason)} In: {_shorten(found)!r}"
    )


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
