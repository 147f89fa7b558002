"""The nets of the benchmark: an experiment's nets, written for every backend."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

from fcn_repro import device
from fcn_repro.analysis.benchmark.comparison import ONNX_BACKENDS
from fcn_repro.analysis.benchmark.files import BenchmarkFiles
from fcn_repro.analysis.benchmark.preparation import export, prepare, voc_layer
from fcn_repro.datasets import DATASETS
from fcn_repro.model.deploy_metadata import DeployMetadata
from nets import build
from solvers.experiments import EXPERIMENTS


def write_nets(files: BenchmarkFiles, name: str, size: Sequence[int], gpu: int) -> tuple[str, dict[str, str]]:
    """Write every file that backends read; returns the device's name, and the backends that cannot take part.

    Raises   ValueError for a GPU that cannot be used
    """
    device.choose(gpu)
    row = EXPERIMENTS[name]
    data = replace(DATASETS[row.data], train=voc_layer(files, "train"), val=voc_layer(files, "val"))
    deploy, train, val = (build(row.net, phase, data, row.regime.normalize) for phase in ("deploy", "train", "val"))
    prepare(files, deploy, train, val, size)
    error = export(files, DeployMetadata.from_data_set(data))
    return device.describe(), dict.fromkeys(ONNX_BACKENDS, error) if error else {}
