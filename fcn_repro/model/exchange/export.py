"""Export a trained net to another format, and compare what it computes there and here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Mapping, Sequence

import numpy as np

from fcn_repro.errors import DataError
from fcn_repro.model import deploy_metadata
from fcn_repro.model.deploy_metadata import DeployMetadata
from fcn_repro.model.exchange import onnx_files, torch_module
from fcn_repro.model.exchange.graph import Graph, build_graph, to_identifier
from fcn_repro.model.prototxt import read_layers
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.model.surgery import load
from fcn_repro.system.atomic_write import atomic_write

SIZES = ((64, 96), (97, 75), (161, 130))  # height and width of the compared inputs
BATCHES = (1, 2, 3)  # images of the compared inputs of a net of one size
Run = Callable[[Mapping[str, np.ndarray]], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Difference:
    """The comparison at one input size."""

    shape: Sequence[int]  # of the first input: N, C, height, width
    worst: float  # largest absolute difference between a score there and here
    largest: float  # largest absolute score


def list_exports(name: str, form: str, out: Path) -> Sequence[Path]:
    """Return the files that a net of this name becomes: form "onnx" or "torch"."""
    if form == "onnx":
        return [out / f"{name}.onnx"]
    return [out / f"{to_identifier(name)}.{ending}" for ending in ("py", "pt")]


class ExportModel:
    """A trained net for export: its graph and its deployment metadata."""

    def __init__(self, name: str, deploy: Path, weights: Path, metadata: DeployMetadata | None = None) -> None:
        self.name, self.metadata = name, metadata
        self._net = load(deploy, weights)
        self.graph: Graph = build_graph(read_layers(deploy), self._net)

    @classmethod
    def from_folder(cls, folder: RunFolder, weights: Path) -> ExportModel:
        """Read the net of a run, with its metadata."""
        return cls(folder.experiment, folder.deploy, weights, deploy_metadata.read(folder.metadata))

    def to_onnx(self, out: Path) -> tuple[Sequence[Path], Run]:
        """Write NAME.onnx; return the file, and a function that runs it.

        Raises   DataError if the package onnx is missing; ValueError for a net without an equivalent in ONNX
        """
        (path,) = list_exports(self.name, "onnx", out)
        onnx_files.write(path, self.graph, self.metadata)
        return [path], lambda inputs: list(onnx_files.run(path, inputs).values())

    def to_torch(self, out: Path) -> tuple[Sequence[Path], Run]:
        """Write NAME.py and NAME.pt; return the files, and a function that runs them.

        Raises   DataError if the package torch is missing; ValueError for a net without an equivalent in PyTorch
        """
        try:
            from fcn_repro.model.exchange import torch_files
        except ImportError as error:
            raise DataError(f"the package torch is missing ({error})") from error
        module, weights = list_exports(self.name, "torch", out)
        text = torch_module.generate_source(self.name, self.graph, self.metadata)
        torch_files.write_state_dict(weights, torch_module.build_state_dict(self.graph))
        with atomic_write(module) as file:
            file.write(text)
        return [module, weights], lambda inputs: torch_files.run(module, weights, inputs)

    def compare(self, run: Run) -> list[Difference]:
        """Compare the scores of `run` with the net's own, on random inputs of several sizes, or else batches."""
        found, random = [], np.random.default_rng(0)
        for shapes in self._list_shapes():
            inputs = {name: random.uniform(-120, 130, shape).astype(np.float32) for name, shape in shapes.items()}
            here, there = self._run(inputs), run(dict(zip(map(to_identifier, inputs), inputs.values())))
            worst = max(float(abs(a - b).max()) for a, b in zip(here, there))
            shape = next(iter(shapes.values()))
            found.append(Difference(shape, worst, max(float(abs(a).max()) for a in here)))
        return found

    def _list_shapes(self) -> list[Mapping[str, Sequence[int]]]:
        """List three sets of input shapes: three sizes, or three batches for a net of one size."""
        inputs = self.graph.inputs
        if self.graph.has_fixed_size:
            return [{name: (n, *dims[1:]) for name, dims in inputs.items()} for n in BATCHES]
        return [{name: (1, dims[1], *size) for name, dims in inputs.items()} for size in SIZES]

    def _run(self, inputs: Mapping[str, np.ndarray]) -> Sequence[np.ndarray]:
        for name, array in inputs.items():
            self._net.blobs[name].reshape(*array.shape)
            self._net.blobs[name].data[...] = array
        made = self._net.forward()
        return [made[blob].copy() for blob in self.graph.outputs]
