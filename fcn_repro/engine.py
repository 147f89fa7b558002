"""The one place that picks the engine: `from fcn_repro.engine import caffe`.

ENGINE=torch   (default) `fcn_repro.caffe`, our pycaffe-compatible engine on PyTorch
ENGINE=bvlc    real pycaffe, from conda-forge's `caffe` or any Python that can `import caffe`

PRECISION=...  how many bits the torch engine multiplies with: fcn_repro/caffe/precision.py

Code above the engine uses only names that real pycaffe has, so that the same command does the same job on both.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import TYPE_CHECKING

ENGINES = {"torch": "fcn_repro.caffe", "bvlc": "caffe"}


def _load(name: str) -> ModuleType:
    if name not in ENGINES:
        raise SystemExit(f"ENGINE={name!r} is not an engine; expected one of: {', '.join(ENGINES)}")
    if name == "bvlc" and precision != "f32":
        raise SystemExit(f"PRECISION={precision} is for ENGINE=torch: real Caffe multiplies in f32. Unset it")
    try:
        importlib.import_module(f"{ENGINES[name]}.coord_map")  # real pycaffe does not import it by itself
        return importlib.import_module(ENGINES[name])
    except ImportError as error:
        raise SystemExit(
            f"ENGINE={name} needs the Python module {ENGINES[name]!r}, which does not import here: {error}.\n"
            "For bvlc: conda env create -f environment.yml, then make TARGET ENGINE=bvlc CAFFE_PYTHON=ENV/bin/python.\n"
            "For torch: make setup."
        ) from error


name = os.environ.get("ENGINE", "torch")
precision = os.environ.get("PRECISION") or "f32"
title = name if precision == "f32" else f"{name} {precision}"  # as reports name it

if TYPE_CHECKING:  # both engines have pycaffe's surface; ours has the types
    from fcn_repro import caffe
else:
    caffe = _load(name)


def save_memory(solver: caffe.SGDSolver) -> None:
    """Let a solver forget gradients once they are used, as nobody is going to read them; real Caffe keeps them all."""
    if name == "torch":
        solver.save_memory()
