"""Caffe's log in glog's format, over Python's logger "caffe".

    I1123 06:10:03.405043 11309 solver.py:226] Iteration 20 (2.5 iter/s, 8s/20 iters), loss = 1.2

Nothing is written before `init_log` or another set-up of logging; glog itself writes to stderr from the start.
Source   caffe 9b89154 _caffe.cpp (InitLog, Log)
"""

from __future__ import annotations

import logging
import sys
import time

LEVELS = (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)  # glog's 0 to 3

_log = logging.getLogger("caffe")


class GlogFormatter(logging.Formatter):
    """Severity, month and day, time, process, file and line before each message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        moment = time.strftime("%m%d %H:%M:%S", time.localtime(record.created))
        micros = int(record.created % 1 * 1_000_000)
        where = f"{record.process} {record.filename}:{record.lineno}"
        return f"{record.levelname[0]}{moment}.{micros:06} {where}] {record.getMessage()}"


class StderrHandler(logging.Handler):
    """Writes to the current sys.stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        sys.stderr.write(f"{self.format(record)}\n")


_handler = StderrHandler()


def init_log(level: int = 0, stderr: bool = True) -> None:
    """Write messages from `level` (0 INFO, 1 WARNING, 2 ERROR, 3 FATAL) to stderr; without `stderr`, errors only.

    It does not read glog's variable GLOG_minloglevel.
    """
    _log.setLevel(LEVELS[level])
    _handler.setLevel(logging.NOTSET if stderr else logging.ERROR)
    _handler.setFormatter(GlogFormatter())
    _log.addHandler(_handler)  # adds it once
    _log.propagate = False


def log(message: str) -> None:
    """Log a message at level INFO."""
    _log.info("%s", message, stacklevel=2)
