"""caffe: this project's engine under pycaffe's name.

Every module that pycaffe has is the engine's own under both names, so that it loads once.
"""

import importlib
import os
import runpy
import sys
from pathlib import Path

STARTUP = Path(__file__).resolve().parents[2] / "startup" / "sitecustomize.py"
MODULES = ("_caffe", "classifier", "coord_map", "detector", "draw", "io", "net_spec", "proto", "proto.caffe_pb2",
           "pycaffe")  # fmt: skip


def load() -> None:
    """Replace this module by the engine, register the engine's modules, and prepare for child processes."""
    if "fcn_repro" not in sys.modules:  # only the folder of this package is on sys.path
        runpy.run_path(str(STARTUP), run_name="sitecustomize")
    from fcn_repro.shim import make_python_path

    engine = sys.modules["caffe"] = importlib.import_module("fcn_repro.caffe")
    for module in MODULES:
        sys.modules[f"caffe.{module}"] = importlib.import_module(f"fcn_repro.caffe.{module}")
    engine.init_log()  # real Caffe logs from its import
    os.environ["PYTHONPATH"] = make_python_path()


if __name__ == "caffe":
    load()
