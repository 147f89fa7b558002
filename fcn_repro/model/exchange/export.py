"""A trained net handed on in another format, and compared there with what it computes here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Mapping, Sequence

import numpy as np
from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model import deploy_metadata
from fcn_repro.model.exchange import onnx_files, torch_module
from fcn_repro.model.exchange.graph import Graph, graph, identifier
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.model.surgery import load
from fcn_repro.system.atomic_write import atomic_write

SIZES = ((64, 96), (97, 75), (161, 130))  # height, width of what is compared
Run = Callable[[Mapping[str, np.ndarray]], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Difference:
    """The worst difference of a score there from the score here, and the largest score, at a size."""

    size: Sequence[int]
    worst: float
    largest: float


class Model:
    """A trained net that is to be handed on: its graph, and how its input is made."""

    def __init__(self, folder: RunFolder, weights: Path) -> None:
        self.name, self.note = folder.experiment, deploy_metadata.read(folder.facts)
        self._net = load(folder.deploy, weights)
        text = folder.deploy.read_text(encoding="utf-8")
        self.graph: Graph = graph(text_format.Merge(text, caffe.proto.caffe_pb2.NetParameter()), self._net)

    def to_onnx(self, out: Path) -> tuple[Sequence[Path], Run]:
        """Write NAME.onnx; the file, and how it is run.

        Raises   DataError where onnx is missing; ValueError for a net that has no equal there
        """
        path = out / f"{self.name}.onnx"
        onnx_files.write(path, self.graph, self.note)
        return [path], lambda inputs: list(onnx_files.run(path, inputs).values())

    def to_torch(self, out: Path) -> tuple[Sequence[Path], Run]:
        """Write NAME.py and NAME.pt; the files, and how they are run.

        Raises   DataError where torch is missing; ValueError for a net that has no equal there
        """
        try:
            from fcn_repro.model.exchange import torch_files
        except ImportError as error:
            raise DataError(f"the package torch is missing ({error})") from error
        module, weights = (out / f"{identifier(self.name)}.{ending}" for ending in ("py", "pt"))
        text = torch_module.source(self.name, self.graph, self.note)
        torch_files.write_state_dict(weights, torch_module.state_dict(self.graph))
        with atomic_write(module) as file:
            file.write(text)
        return [module, weights], lambda inputs: torch_files.run(module, weights, inputs)

    def differences(self, run: Run) -> list[Difference]:
        """How far the net is from itself in the other format, on random images of some sizes."""
        found = []
        random = np.random.default_rng(0)
        (shape,) = {tuple(dims[2:]) for dims in self.graph.inputs.values()}
        for size in [shape] if self.graph.fixed else SIZES:
            inputs = {
                name: random.uniform(-120, 130, (1, dims[1], *size)).astype(np.float32)
                for name, dims in self.graph.inputs.items()
            }
            here, there = self._run(inputs), run(inputs)
            worst = max(float(abs(a - b).max()) for a, b in zip(here, there))
            found.append(Difference(size, worst, max(float(abs(a).max()) for a in here)))
        return found

    def _run(self, inputs: Mapping[str, np.ndarray]) -> Sequence[np.ndarray]:
        for name, array in inputs.items():
            self._net.blobs[name].reshape(*array.shape)
            self._net.blobs[name].data[...] = array
        made = self._net.forward()
        return [made[blob].copy() for blob in self.graph.outputs]
