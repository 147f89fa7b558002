"""The facts of a data set: classes, mean pixel, splits and the Python layers that serve it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping

VOID = 255  # the ignore label: losses and metrics skip pixels with this label


@dataclass(frozen=True)
class LayerSpec:
    """A Python data layer as a prototxt names it: python_param's module, layer and param_str."""

    module: str
    layer: str
    params: Mapping[str, object]  # paths are relative to the repository's root


@dataclass(frozen=True)
class DataSet:
    """Everything known about a data set before a file is opened."""

    name: str
    class_names: tuple[str, ...]  # in the order of the net's outputs
    mean_bgr: tuple[float, float, float]  # of pixels in 0-255
    void: int | None  # the ignore label; None: every pixel has a class
    splits: Mapping[str, int]  # number of images per split
    train: LayerSpec
    val: LayerSpec
    archives: tuple[str, ...] = ()  # rows of data/archives.csv that `prepare` unpacks
    subsets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # class subsets with scores of their own
    inputs: Mapping[str, int] = field(default_factory=lambda: {"data": 3})  # input tops and their channels
    label: str = "label"  # the top with the ground truth for `class_names`
    more_labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # further label tops and their classes
    infogain: str = ""  # the file of the matrix for an InfogainLoss of `label`; empty: SoftmaxWithLoss

    @property
    def heads(self) -> Mapping[str, tuple[str, ...]]:
        """Label tops and their class names, in the order of a net's outputs."""
        return {self.label: self.class_names, **self.more_labels}

    @property
    def labels(self) -> tuple[int, ...]:
        """All valid values of a label map."""
        return (*range(len(self.class_names)), *([] if self.void is None else [self.void]))

    @property
    def remedy(self) -> str:
        """How to fix a missing or damaged file."""
        return f"Fix: remove the file if it exists, then run: make data-{self.name}"
