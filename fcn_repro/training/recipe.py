"""The recipe of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Sequence


@dataclass(frozen=True)
class Recipe:
    """The length of a run, its initial weights, the names of its classes, and the weights of a fixed trunk."""

    rounds: int
    steps: int  # iterations per round
    init: Mapping[str, Path] = field(default_factory=dict)  # weights by suffix of layers; else fillers
    class_names: Sequence[Sequence[str]] = ()  # of each head in order
    fixed: Path | None = None  # the file of a trunk that the training net lacks, because its outputs are stored

    @property
    def iterations(self) -> int:
        """The whole length."""
        return self.rounds * self.steps
