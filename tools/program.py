"""How every program here ends: foreseeable trouble said in words, and an exit status that tells its kind."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import sys
from pathlib import Path
from typing import Callable

from fcn_repro import device, ranks
from fcn_repro.errors import DataError
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system import text_table
from fcn_repro.system.signals import JobInterrupted, SignalExit, raise_on_signal, signal_number

OK, OTHER, MISSING = 0, 1, 3  # 2, bad arguments, is argparse's
STOPPED = 128  # and the number of the signal: 130 Ctrl-C, 143 SIGTERM, 129 a lost terminal


def run(main: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run a program; messages and what the library logs go to stderr. Returns the exit status."""
    wipe = "\r\033[K" if sys.stderr.isatty() else ""  # what a progress bar left on the line
    logging.basicConfig(level=logging.INFO, format=f"{wipe}%(message)s", stream=sys.stderr)
    logging.getLogger("caffe").setLevel(logging.WARNING)  # the progress bar says what its log would
    try:
        with raise_on_signal():
            main(options)
    except (DataError, JobInterrupted, ValueError, RuntimeError, OSError) as trouble:
        if not isinstance(trouble, JobInterrupted) or ranks.is_root():
            _say(trouble)
        if isinstance(trouble, JobInterrupted):
            return STOPPED + trouble.number
        return MISSING if isinstance(trouble, DataError) else OTHER
    except KeyboardInterrupt as interrupt:
        number = signal_number(interrupt)
        _say(SignalExit(number))  # before signals are heard and after, Python raises one that says nothing
        return STOPPED + number
    return OK


def _say(trouble: BaseException) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        print(f"{ranks.log_prefix()}{trouble}", file=sys.stderr)


def take_part(gpu: int | None) -> str:
    """Choose a device and, among several ranks that torchrun started, a rank; but for the root they log no more."""
    chosen = device.choose(gpu)
    ranks.join()
    if not ranks.is_root():
        logging.getLogger().setLevel(logging.ERROR)
    return chosen


def weights(folder: RunFolder, given: Path | None) -> Path:
    """The weights to use: those given on the command line, else what the run handed on."""
    if given is None and not folder.final.exists():
        raise DataError(f"{folder.final}: missing; train it (make {folder.experiment}) or name others: --weights FILE")
    return given or folder.final


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the option --format, the form in which a program prints its tables."""
    help = "the form of tables: aligned text, GitHub's Markdown, LaTeX or CSV; default: text"
    parser.add_argument("--format", choices=text_table.FORMATS, default="text", help=help)


def add_gpu(parser: argparse.ArgumentParser) -> None:
    """Give a program the option that `fcn_repro.device.choose` takes."""
    help = "a GPU by number, or -1 for the CPU; left out: GPU 0 if there is one"
    parser.add_argument("--gpu", type=int, metavar="N", help=help)


def positive(text: str) -> int:
    """A count given on the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no count; expected 1, 2, ...")
    return int(text)


def size(text: str) -> tuple[int, int]:
    """The height and width of an image given on the command line."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or not all(int(side) for side in match.groups()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; expected HEIGHTxWIDTH, such as 375x500")
    return int(match[1]), int(match[2])
