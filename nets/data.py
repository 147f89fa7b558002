"""What a net must be told of a data set. Facts live in `fcn_repro.datasets`; whoever builds a net brings them along."""

from __future__ import annotations

from typing import Mapping, Protocol, Sequence

from nets.idioms import L, Top


class DataLayer(Protocol):
    """A Python layer: where it is, and the dict that param_str spells."""

    @property
    def module(self) -> str: ...
    @property
    def layer(self) -> str: ...
    @property
    def params(self) -> Mapping[str, object]: ...


class Data(Protocol):
    """The classes in the order of their scores, the label that neither learns nor counts, and what each phase reads."""

    @property
    def class_names(self) -> Sequence[str]: ...
    @property
    def void(self) -> int | None: ...
    @property
    def train(self) -> DataLayer: ...
    @property
    def val(self) -> DataLayer: ...


def data_layer(data: Data, phase: str) -> tuple[Top, Top]:
    """The tops data and label of the layer that a phase reads, train or val."""
    layer = data.train if phase == "train" else data.val
    return L.Python(module=layer.module, layer=layer.layer, param_str=repr(dict(layer.params)), ntop=2)
