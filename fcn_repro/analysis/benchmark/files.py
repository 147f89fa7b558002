"""The files that backends read: one net in every format, one image, one label map."""

from __future__ import annotations

from pathlib import Path


class BenchmarkFiles:
    """Paths in a folder.

    deploy, weights   the net that labels an image, and its random weights
    train, solver     the net that trains on the one image, with an Input layer for data, and its solver
    from_disk         a folder: train.prototxt, val.prototxt and solver.prototxt with data layers that read images
    onnx, module      the net as ONNX, and as plain PyTorch; its state_dict is module with suffix .pt
    image, label      data (1, 3, H, W) and label (1, 1, H, W), float32
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.deploy, self.weights = path / "deploy.prototxt", path / "weights.caffemodel"
        self.train, self.solver = path / "train.prototxt", path / "solver.prototxt"
        self.from_disk = path / "learning"
        self.onnx, self.module = path / "net.onnx", path / "net.py"
        self.image, self.label = path / "data.npy", path / "label.npy"

    def scores(self, backend: str) -> Path:
        """The scores that a backend computed from the image."""
        return self.path / f"{backend}.npy"
