"""The one reader of prototxts outside the engines: size limit, UTF-8, and errors that name file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format

from fcn_repro import engine
from fcn_repro.system.untrusted_files import read_bytes


def read_net(path: Path) -> Any:
    """Read the NetParameter in a file, as it is written: deprecated forms are not upgraded.

    Raises   ValueError naming file and line; OSError for a file that is missing, unreadable or too large
    """
    return _read(path, "NetParameter")


def read_layers(path: Path) -> Any:
    """Read the NetParameter in a file as the engine runs it: ours upgrades older forms and spellings of forks.

    Raises   as `read_net`; RuntimeError for a form that the engine cannot upgrade
    """
    return engine.caffe.proto.prototxt.read_net(path) if engine.name == "torch" else read_net(path)


def read_solver(path: Path) -> Any:
    """Read the SolverParameter in a file. Raises as `read_net`."""
    return _read(path, "SolverParameter")


def _read(path: Path, kind: str) -> Any:
    message = getattr(engine.caffe.proto.caffe_pb2, kind)()
    try:
        return text_format.Parse(_decode(read_bytes(path)), message)
    except text_format.ParseError as error:  # its text begins with line and column
        raise ValueError(f"{path}:{error}; expected a prototxt of a {kind}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is not UTF-8; expected a prototxt of a {kind}") from error


def _decode(data: bytes) -> str:
    """Decode a prototxt; with our engine, its comments and strings may have any encoding."""
    return engine.caffe.proto.text_encoding.decode_text(data) if engine.name == "torch" else data.decode("utf-8")
