"""PyTorch's state_dicts, read and written, and modules run to compare them with their nets.

torch is imported here and in the engine alone: the files are torch's own format, and only torch reads all of its
versions without running what is in them.
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
    """The tensors in a file, or under "state_dict" in it, in its order, float32. Nothing in it is run.

    Raises   DataError when it is missing, holds more than tensors, or is no such file
    """
    try:
        found = torch.load(str(path), map_location="cpu", weights_only=True)
        found = found.get("state_dict", found)
        return {name: tensor.detach().float().numpy() for name, tensor in found.items()}
    except Exception as error:  # noqa: BLE001  pickle, zip and torch each have their own
        reason = str(error).splitlines()[0] if str(error) else ""
        raise DataError(
            f"{path}: no state_dict ({type(error).__name__}: {reason}); expected tensors by name"
        ) from error


def run(module: Path, weights: Path, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """What the module of a file that we wrote computes with its weights from inputs: each output."""
    load = runpy.run_path(str(module))["load"]
    with torch.inference_mode():
        made = load(str(weights))(*(torch.from_numpy(array) for array in inputs.values()))
    return [output.numpy() for output in (made if isinstance(made, tuple) else (made,))]
