"""Read and write PyTorch's state_dicts, and run exported modules.

Outside the engine, torch is imported only here: state_dicts are its own format, and only torch reads all of their
versions without running code in them.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Mapping

import numpy as np
import torch

from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write


def write_state_dict(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a state_dict that `torch.load(..., weights_only=True)` reads."""
    with atomic_write(path, "wb") as file:
        torch.save({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}, file)


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a file, or those under its key "state_dict", in order, as float32. No code in it runs.

    Raises   DataError if the file is missing or damaged, or holds other things than tensors
    """
    try:
        found = torch.load(str(path), map_location="cpu", weights_only=True)
        found = found.get("state_dict", found)
        return {name: tensor.detach().float().numpy() for name, tensor in found.items()}
    except Exception as error:  # noqa: BLE001  of pickle, zip or torch
        reason = str(error).splitlines()[0] if str(error) else ""
        raise DataError(f"{path}: {type(error).__name__}: {reason}; expected a state_dict, tensors by name") from error


def run(module: Path, weights: Path, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Run an exported module with its weights and return its outputs."""
    load = runpy.run_path(str(module))["load"]
    with torch.inference_mode():
        outputs = load(str(weights))(*(torch.from_numpy(array) for array in inputs.values()))
    return [output.numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]
