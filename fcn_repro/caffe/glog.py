"""Caffe's log in glog's format, over Python's logger "caffe".

    I1123 06:10:03.405043 11309 solver.cpp:226] Iteration 20 (2.5 iter/s, 8s/20 iters), loss = 1.2

A line of the engine names the file of Caffe that logs it, because log parsers search for `solver.cpp`; the line number
is the engine's. Nothing is written before `init_log` or another set-up of logging; glog itself writes to stderr from
the start.
Source   caffe 9b89154 _caffe.cpp (InitLog, Log); glog's logging.cc (LogMessage::Init)
"""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import platform
import sys
import threading
import time
from pathlib import Path

from fcn_repro.caffe.solver import solver_rank

LEVELS = (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)  # glog's 0 to 3
ENGINE = str(Path(__file__).parent)

_log = logging.getLogger("caffe")


class GlogFormatter(logging.Formatter):
    """Severity, month and day, time, thread, file and line before each message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, or several for a message of several."""
        moment = time.strftime("%m%d %H:%M:%S", time.localtime(record.created))
        micros = int(record.created % 1 * 1_000_000)
        where = f"{threading.get_native_id():5} {_name_source(record)}:{record.lineno}"
        return f"{_letter(record.levelno)}{moment}.{micros:06} {where}] {record.getMessage()}"


class StderrHandler(logging.Handler):
    """Writes to the current sys.stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        sys.stderr.write(f"{self.format(record)}\n")


class _EnvironmentLevel(logging.Filter):
    """Keeps messages from the level in GLOG_minloglevel, which is read at the first message.

    glog reads it when a script imports Caffe. A script may set it after this engine was loaded and before its own
    import.
    """

    level: int | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        if self.level is None:
            self.level = _read_level()
        return record.levelno >= self.level


_handler = StderrHandler()
_environment = _EnvironmentLevel()


def init_log(level: int | None = None, stderr: bool = True) -> None:
    """Write messages from `level` (0 INFO, 1 WARNING, 2 ERROR, 3 FATAL) to stderr; without `stderr`, errors only.

    Without a level, glog's environment variable GLOG_minloglevel decides, as it is at the first message.
    """
    _handler.removeFilter(_environment)
    if level is None:
        _environment.level = None
        _handler.addFilter(_environment)
    _log.setLevel(LEVELS[0 if level is None else min(max(level, 0), 3)])
    _handler.setLevel(logging.NOTSET if stderr else logging.ERROR)
    _handler.setFormatter(GlogFormatter())
    _log.addHandler(_handler)  # adds it once
    _log.propagate = False


def log_to_folder(folder: Path, program: str) -> None:
    """Log to a file in a folder, too, under glog's name for it, with a link PROGRAM.INFO.

    Raises   OSError for a missing or read-only folder
    """
    host, moment = platform.node() or "unknown", time.localtime()
    name = f"{program}.{host}.{getpass.getuser()}.log.INFO.{time.strftime('%Y%m%d-%H%M%S', moment)}.{os.getpid()}"
    handler = logging.FileHandler(folder / name, encoding="utf-8")
    handler.setFormatter(GlogFormatter())
    stream = handler.stream
    assert stream is not None  # opened with the handler
    stream.write(
        f"Log file created at: {time.strftime('%Y/%m/%d %H:%M:%S', moment)}\nRunning on machine: {host}\n"
        "Log line format: [IWEF]mmdd hh:mm:ss.uuuuuu threadid file:line] msg\n"
    )
    _log.addHandler(handler)
    with contextlib.suppress(OSError):  # a file system without links
        (folder / f"{program}.INFO").unlink(missing_ok=True)
        (folder / f"{program}.INFO").symlink_to(name)


def log(message: str) -> None:
    """Log a message at level INFO."""
    _log.info("%s", message, stacklevel=2)


def log_creation(layer_name: str) -> None:
    """Log that a layer of the root solver is created; a loss with an inner layer creates one of its own name."""
    if solver_rank.is_root_solver():
        _log.info("Creating layer %s", layer_name, extra={"source": "layer_factory.hpp"}, stacklevel=2)


def _read_level() -> int:
    """Return Python's level for GLOG_minloglevel; as in glog, text that is not a number counts as 0."""
    text = os.environ.get("GLOG_minloglevel", "0").strip()
    number = int(text) if text.isascii() and text.lstrip("+-").isdigit() else 0
    return LEVELS[min(max(number, 0), len(LEVELS) - 1)]


def _name_source(record: logging.LogRecord) -> str:
    """Return the file of Caffe that logs a line of the engine, or a script's own file."""
    named = getattr(record, "source", None)
    in_engine = record.pathname.startswith(ENGINE)
    return named or (f"{record.module}.cpp" if in_engine else record.filename)


def _letter(level: int) -> str:
    """Return glog's letter of a severity."""
    return "IWEF"[min(max(level // 10 - 2, 0), 3)]
