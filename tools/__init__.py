"""The programs: arguments, one call, and printing. Run as `python -m tools.solve`, or `fcn-repro solve` when installed.

emit draw explain profile        write, draw and explain nets; measure their cost
fetch prepare hha                data sets and released weights
user_dataset validate_data       your own data sets; errors in any data set
convolutionalise import_weights  initial weights
solve score                      train and score; sweep, seeds and smoke train several runs
experiments study mini compare   list runs; results beside the paper's tables; plot and report show them
infer heatmap submit             label images; class heat maps; VOC's evaluation server
export compare_labels            export nets; compare label maps
caffe pycaffe caffe_root         Caffe's own command line, pycaffe scripts, and a folder laid out as a built Caffe
convert_imageset compute_image_mean extract_features  databases of images
upgrade_net_proto_text ..._binary upgrade_solver_proto_text  files of old Caffe versions
draw_net classify detect summarize parse_log plot_training_log  Caffe's Python programs
bench real_caffe                 compare the speed with other engines
program aliases                  arguments that programs share; old names
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
