"""The programs, one per verb: arguments, a call or two, and what is printed. Run as `python -m tools.solve`.

emit draw explain                what is computed, as prototxts, pictures and arithmetic
fetch prepare hha                data sets and released weights
adopt check                      data sets of one's own; what is wrong with any
convolutionalise solve score     from a classifier to a scored net
infer heatmap compare            label photographs; show what a classifier sees; scores beside the paper's tables
smoke                            full-width nets on four photographs
caffe pycaffe                    Caffe's own command line, and anybody's pycaffe scripts, on this engine
program                          how all of them end
"""

from __future__ import annotations

import signal
import sys

# `python -m tools.NAME` has just been typed, and torch takes seconds to import: until the program can answer, Ctrl-C
# ends it without a word, not with a traceback of whatever is being imported.
if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
