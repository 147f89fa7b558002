"""The programs, one per verb: arguments, one call, printing. Run as `python -m tools.solve` or `fcn-repro solve`.

`fcn_repro/__main__.py` lists them all. `tools/program.py` holds what they share: options, messages and exit statuses.
"""

from __future__ import annotations

import signal
import sys
from types import TracebackType

from fcn_repro.errors import EngineError


def _print_engine_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an EngineError as a message without a traceback; programs meet it while they import."""
    if isinstance(error, EngineError):
        print(error, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


# Only for a program that is starting (`python -m tools.NAME`), not for those who import it. torch takes seconds to
# import: until the program can answer, Ctrl-C ends it without the traceback of an unfinished import.
if sys.argv[:1] == ["-m"] or sys.argv[0].startswith("fcn-repro "):
    sys.excepthook = _print_engine_error
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
