"""Fully convolutional networks (Long, Shelhamer, Darrell), reproduced faithfully to Caffe.

from fcn_repro import Segmenter
label_hw = Segmenter("voc-fcn8s")("street.jpg")

Rooms, each importing only those above it:

system/       the machine: files, locks, memory, progress, signals
shim/         the package `caffe` that scripts import; as_caffe installs it
drawing/      palettes, sheets of images, charts, net diagrams
caffe/        our pycaffe-compatible engine on PyTorch
engine        picks the engine, this one or real pycaffe; device, ranks, paths, errors stand beside it
datasets/     one file per data set: facts, data layers, preparation; download/, user/, mini/
model/        a net as files: run folder, weights, surgery, export
evaluation/   scores of trained nets
training/     train one run: snapshots, log, resuming, data-parallel ranks
inference/    label images with trained nets
analysis/     tables of the papers, studies, costs, benchmarks, the HTML report

`nets/` defines the nets, `solvers/` the experiments, `tools/` the programs; they use these rooms.
Importing this package loads nothing: the names below load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fcn_repro.datasets import DATASETS
    from fcn_repro.errors import DataError
    from fcn_repro.inference.segmenter import Segmenter
    from fcn_repro.model.run_folder import RunFolder

__version__ = "0.1.0"
__all__ = ["DATASETS", "DataError", "RunFolder", "Segmenter"]

EXPORTS = {
    "DATASETS": "fcn_repro.datasets",
    "DataError": "fcn_repro.errors",
    "RunFolder": "fcn_repro.model.run_folder",
    "Segmenter": "fcn_repro.inference.segmenter",
}


def __getattr__(name: str) -> Any:
    """Import an exported name on first use."""
    if name not in EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *EXPORTS})
