"""What a net must be told of a data set. Facts live in `fcn_repro.datasets`; whoever builds a net brings them along."""

from __future__ import annotations

from typing import Mapping, Protocol, Sequence

from nets.idioms import L, NetSpec, Top


class DataLayer(Protocol):
    """A Python layer: where it is, and the dict that param_str spells."""

    @property
    def module(self) -> str: ...
    @property
    def layer(self) -> str: ...
    @property
    def params(self) -> Mapping[str, object]: ...


class Data(Protocol):
    """What each phase reads, and what is in it.

    inputs   the tops that nets see, and their channels
    heads    the tops with the truth, and the names of the classes that each holds, in the order of their scores;
             those of the first are `class_names`
    void     the label that neither learns nor counts
    """

    @property
    def inputs(self) -> Mapping[str, int]: ...
    @property
    def heads(self) -> Mapping[str, Sequence[str]]: ...
    @property
    def class_names(self) -> Sequence[str]: ...
    @property
    def void(self) -> int | None: ...
    @property
    def train(self) -> DataLayer: ...
    @property
    def val(self) -> DataLayer: ...


def data_layer(data: Data, phase: str) -> Sequence[Top]:
    """The tops of the layer that a phase reads, train or val: the inputs, then the labels."""
    layer = data.train if phase == "train" else data.val
    ntop = len(data.inputs) + len(data.heads)
    return L.Python(module=layer.module, layer=layer.layer, param_str=repr(dict(layer.params)), ntop=ntop)


def write_inputs(n: NetSpec, data: Data, phase: str) -> None:
    """Write what a net begins with, under the data set's names: its data layer, or in deploy an Input for each input.

    Inputs are 500 x 500 pixels, to be reshaped to each image.
    """
    if phase != "deploy":
        for name, top in zip((*data.inputs, *data.heads), data_layer(data, phase)):
            n[name] = top
        return
    for name, channels in data.inputs.items():
        layer = "input" if len(data.inputs) == 1 else f"input_{name}"
        n[name] = L.Input(name=layer, shape=dict(dim=[1, channels, 500, 500]))
