"""What all programs share: options, error messages without tracebacks, and exit statuses."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any, Callable

from fcn_repro import device, engine, ranks, shim
from fcn_repro.errors import DataError
from fcn_repro.paths import find_root
from fcn_repro.system import text_table
from fcn_repro.system.signals import JobInterrupted, SignalExit, raise_on_signal, signal_number

OK, OTHER, MISSING = 0, 1, 3  # 2, bad arguments, is argparse's
STOPPED = 128  # plus the signal's number: 130 Ctrl-C, 143 SIGTERM, 129 a lost terminal


def run(main: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run a program and return its exit status; messages and the library's log go to stderr."""
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")  # names of files that are not UTF-8 pass as they are
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


# -- programs under Caffe's names --------------------------------------------------------------------------------------


def run_caffe(main: Callable[[Any], None], options: Any) -> int:
    """Run a program that logs as Caffe does; in the Python layers of its nets, `import caffe` gives the engine.

    `options` may have glog's flags. Such layers may have modules of the names of this project's folders.
    """
    shim.install()
    shim.hide_folder(find_root())
    sys.path.insert(0, os.getcwd())
    return run(lambda options: _run_logged(main, options), options)


def _run_logged(main: Callable[[Any], None], options: Any) -> None:
    level, folder = getattr(options, "minloglevel", -1), getattr(options, "log_dir", "")
    if level < 0:
        level = int(os.environ.get("GLOG_minloglevel") or 0)
    is_root = ranks.launched_count() == 1 or os.environ["RANK"] == "0"
    engine.caffe.init_log(level if is_root else 2)  # errors only
    if folder and not options.logtostderr and is_root:
        require_torch("-log_dir")
        engine.caffe.glog.log_to_folder(Path(folder), Path(sys.argv[0]).stem.split()[-1])
    main(options)


def caffe_log(source: str) -> Callable[[str], None]:
    """Return a function that logs a line as Caffe's file `source` does."""
    if engine.name != "torch":
        return lambda message: engine.caffe.log(message)
    logger = logging.getLogger("caffe")
    return lambda message: logger.info("%s", message, extra={"source": source}, stacklevel=2)


def require_file(path: str) -> str:
    """Return the path of a file.

    Raises   DataError if it is missing
    """
    if not os.path.isfile(path):
        raise DataError(f"{path}: missing; the path is relative to {os.getcwd()}")
    return path


def require_torch(what: str) -> None:
    """Raise ValueError if ENGINE names real Caffe, whose Python module lacks `what`."""
    if engine.name != "torch":
        raise ValueError(f"{what}: got ENGINE={engine.name}, expected torch. Fix: use real Caffe's own program")


def add_pycaffe_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that classify.py and detect.py share; files of CaffeNet are looked up in CAFFE_ROOT, or here."""
    root = Path(os.environ.get("CAFFE_ROOT", ""))
    model = root / "models" / "bvlc_reference_caffenet"
    mean = root / "python" / "caffe" / "imagenet" / "ilsvrc_2012_mean.npy"
    weights = model / f"{model.name}.caffemodel"
    parser.add_argument("--model_def", default=str(model / "deploy.prototxt"), help="default: CaffeNet's")
    parser.add_argument("--pretrained_model", default=str(weights), help="default: CaffeNet's")
    parser.add_argument("--gpu", action="store_true", help="use GPU 0")
    parser.add_argument("--mean_file", default=str(mean), help="mean image (C, H, W) in a .npy, or '' for none")
    parser.add_argument("--input_scale", type=float, help="factor after the mean")
    parser.add_argument("--raw_scale", type=float, default=255.0, help="factor before the mean; default: 255")
    help = "order of the channels; default: 2,1,0, B G R; '' for R G B"
    parser.add_argument("--channel_swap", type=integers, default=[2, 1, 0], help=help)


def choose_pycaffe_mode(is_gpu: bool) -> None:
    """Choose the GPU or the CPU, and print it."""
    device.choose(0 if is_gpu else -1)
    print("GPU mode" if is_gpu else "CPU mode")


# -- options -----------------------------------------------------------------------------------------------------------


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


def add_tolerance(parser: argparse._ActionsContainer) -> None:
    """Add the option --tolerance of label maps."""
    help = "take the nearest label or colour up to N levels away in each channel, as JPEG needs; default: 0, exact"
    parser.add_argument("--tolerance", type=levels, default=0, metavar="N", help=help)


def levels(text: str) -> int:
    """Parse a difference of grey levels, 0 to 255."""
    if not text.isdecimal() or len(text) > 3 or int(text) > 255:
        raise argparse.ArgumentTypeError(f"expected 0 to 255, got {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Parse a positive integer."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive integer, got {text!r}")
    return int(text)


def integers(text: str) -> list[int] | None:
    """Parse integers separated by ','; None for no text."""
    try:
        return [int(item) for item in text.split(",")] if text else None
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected integers separated by ',', got {text!r}") from None


def size(text: str) -> tuple[int, int]:
    """Parse the height and width of an image."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or not all(int(side) for side in match.groups()):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected HEIGHTxWIDTH, such as 375x500")
    return int(match[1]), int(match[2])
