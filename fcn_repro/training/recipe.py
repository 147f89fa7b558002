"""The recipe of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Sequence


@dataclass(frozen=True)
class Recipe:
    """The length of a run, its initial weights, and the names of its classes."""

    rounds: int
    steps: int  # iterations per round
    init: Mapping[str, Path] = field(default_factory=dict)  # weights by suffix of layers; else fillers
    class_names: Sequence[Sequence[str]] = ()  # of each head in order

    @property
    def iterations(self) -> int:
        """The whole length."""
        return self.rounds * self.steps
