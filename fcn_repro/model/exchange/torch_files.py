"""Write PyTorch's state_dicts, and run exported modules. Outside the engine, torch is imported only here."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Mapping

import numpy as np
import torch

from fcn_repro.system.atomic_write import atomic_write


def write_state_dict(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a state_dict that `torch.load(..., weights_only=True)` reads."""
    with atomic_write(path, "wb") as file:
        torch.save({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}, file)


def run(module: Path, weights: Path, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Run an exported module with its weights and return its outputs."""
    load = runpy.run_path(str(module))["load"]
    with torch.inference_mode():
        outputs = load(str(weights))(*(torch.from_numpy(array) for array in inputs.values()))
    return [output.numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]
