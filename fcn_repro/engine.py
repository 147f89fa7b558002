"""The one place that picks the engine: `from fcn_repro.engine import caffe`.

ENGINE=torch   (default) `fcn_repro.caffe`, our pycaffe-compatible engine on PyTorch
ENGINE=bvlc    real pycaffe, from conda-forge's `caffe` or any Python that can `import caffe`

PRECISION=...  the precision of the torch engine's products: fcn_repro/caffe/precision.py

Code above the engine uses only names that real pycaffe has, so one command does the same job on both engines. The
engine loads when `caffe` is first used: modules that only read files write `engine.caffe` and need no torch.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import TYPE_CHECKING

from fcn_repro.errors import EngineError

ENGINES = {"torch": "fcn_repro.caffe", "bvlc": "caffe"}

name = os.environ.get("ENGINE", "torch")
precision = os.environ.get("PRECISION") or "f32"
title = name if precision == "f32" else f"{name} {precision}"  # as reports name it

if TYPE_CHECKING:  # both engines have pycaffe's surface; ours has the types
    from fcn_repro import caffe
else:

    def __getattr__(attribute: str) -> ModuleType:
        """Load the engine on first use of `caffe`."""
        if attribute != "caffe":
            raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
        return globals().setdefault("caffe", _load())


def _load() -> ModuleType:
    if name not in ENGINES:
        raise EngineError(f"ENGINE={name!r} is not an engine; expected one of: {', '.join(ENGINES)}")
    if name == "bvlc" and precision != "f32":
        raise EngineError(f"PRECISION={precision} is for ENGINE=torch: real Caffe multiplies in f32. Unset it")
    try:
        importlib.import_module(f"{ENGINES[name]}.coord_map")  # real pycaffe does not import this submodule
        return importlib.import_module(ENGINES[name])
    except ImportError as error:
        raise EngineError(
            f"ENGINE={name} needs the Python module {ENGINES[name]!r}, which does not import here: {error}.\n"
            "For bvlc: conda env create -f environment.yml, then make TARGET ENGINE=bvlc CAFFE_PYTHON=ENV/bin/python.\n"
            "For torch: make setup."
        ) from error


def save_memory(solver: caffe.SGDSolver) -> None:
    """Let a solver drop gradients after their last use, if nothing reads them; real Caffe always keeps them."""
    if name == "torch":
        solver.save_memory()
