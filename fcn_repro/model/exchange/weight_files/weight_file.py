"""What every reader returns and raises, and the limit of size that all share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

import numpy as np

LIMIT_BYTES = 4 << 30  # of a file, and of its arrays together; the largest known one has 0.6 GB


class UnreadableFile(ValueError):
    """A file is damaged, holds something else than arrays, or exceeds a limit."""


@dataclass(frozen=True)
class WeightFile:
    """The content of a file.

    container    the name of the format, for messages
    arrays       by name, in the file's order
    operators    the operators of an ONNX graph, in order
    """

    container: str
    arrays: Mapping[str, np.ndarray]
    operators: Sequence[str] = ()


def check_total(total: int) -> None:
    """Refuse arrays of more than LIMIT_BYTES together."""
    if total > LIMIT_BYTES:
        raise UnreadableFile(f"got arrays of {total} bytes, expected at most {LIMIT_BYTES}")
