"""The files that contenders work from: one net in everybody's format, one image, one label map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A folder, and what is called what in it."""

    path: Path

    @property
    def deploy(self) -> Path:
        """The net that labels an image."""
        return self.path / "deploy.prototxt"

    @property
    def weights(self) -> Path:
        """Its weights, drawn at random."""
        return self.path / "weights.caffemodel"

    @property
    def solver(self) -> Path:
        """Trains the net of `train` on the one image."""
        return self.path / "solver.prototxt"

    @property
    def train(self) -> Path:
        """The net that learns, with an Input layer in place of its data layer."""
        return self.path / "train.prototxt"

    @property
    def learning(self) -> Path:
        """The net that learns from pictures on disk, by its data layer, and solver and val beside it."""
        return self.path / "learning"

    @property
    def onnx(self) -> Path:
        """The net as ONNX."""
        return self.path / "net.onnx"

    @property
    def module(self) -> Path:
        """The net as plain PyTorch; its state_dict has the same name and ends in .pt."""
        return self.path / "net.py"

    @property
    def image(self) -> Path:
        """`data` (1, 3, H, W)."""
        return self.path / "data.npy"

    @property
    def label(self) -> Path:
        """`label` (1, 1, H, W)."""
        return self.path / "label.npy"

    def scores(self, contender: str) -> Path:
        """What a contender computed of the image."""
        return self.path / f"{contender}.npy"
