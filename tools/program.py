"""What all programs share: options, error messages without tracebacks, and exit statuses."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import sys
from typing import Callable

from fcn_repro import device, ranks
from fcn_repro.errors import DataError
from fcn_repro.system import text_table
from fcn_repro.system.signals import JobInterrupted, SignalExit, raise_on_signal, signal_number

OK, OTHER, MISSING = 0, 1, 3  # 2, bad arguments, is argparse's
STOPPED = 128  # plus the signal's number: 130 Ctrl-C, 143 SIGTERM, 129 a lost terminal


def run(main: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run a program and return its exit status; messages and the library's log go to stderr."""
    wipe = "\r\033[K" if sys.stderr.isatty() else ""  # erases a progress bar
    logging.basicConfig(level=logging.INFO, format=f"{wipe}%(message)s", stream=sys.stderr)
    logging.getLogger("caffe").setLevel(logging.WARNING)  # the progress bar replaces its log
    try:
        with raise_on_signal():
            main(options)
    except (DataError, JobInterrupted, ValueError, RuntimeError, OSError) as error:
        if not isinstance(error, JobInterrupted) or ranks.is_root():
            _print_error(error)
        if isinstance(error, JobInterrupted):
            return STOPPED + error.number
        return MISSING if isinstance(error, DataError) else OTHER
    except KeyboardInterrupt as interrupt:
        number = signal_number(interrupt)
        _print_error(SignalExit(number))  # Python's own exception has no message
        return STOPPED + number
    return OK


def _print_error(error: BaseException) -> None:
    with contextlib.suppress(OSError):  # stderr is closed
        print(f"{ranks.log_prefix()}{error}", file=sys.stderr)


def join_ranks(gpu: int | None) -> str:
    """Choose a device and join torchrun's ranks, if there are any; only the root logs more than errors."""
    chosen = device.choose(gpu)
    ranks.join()
    if not ranks.is_root():
        logging.getLogger().setLevel(logging.ERROR)
    return chosen


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the option --format, the form in which a program prints its tables."""
    help = "the form of tables: aligned text, GitHub's Markdown, LaTeX or CSV; default: text"
    parser.add_argument("--format", choices=text_table.FORMATS, default="text", help=help)


def add_gpu(parser: argparse.ArgumentParser) -> None:
    """Add the option --gpu, as `fcn_repro.device.choose` takes it."""
    help = "a GPU's number, or -1 for the CPU; default: GPU 0 if there is one"
    parser.add_argument("--gpu", type=int, metavar="N", help=help)


def positive(text: str) -> int:
    """Parse a positive integer."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive integer, got {text!r}")
    return int(text)


def size(text: str) -> tuple[int, int]:
    """Parse the height and width of an image."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or not all(int(side) for side in match.groups()):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected HEIGHTxWIDTH, such as 375x500")
    return int(match[1]), int(match[2])
