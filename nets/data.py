"""What a net needs from a data set. The facts live in `fcn_repro.datasets`; the caller of `build` passes them."""

from __future__ import annotations

from typing import Mapping, Protocol, Sequence

from nets.idioms import L, NetSpec, Top


class DataLayer(Protocol):
    """A Python layer: its module, its class, and the dict in its param_str."""

    @property
    def module(self) -> str: ...
    @property
    def layer(self) -> str: ...
    @property
    def params(self) -> Mapping[str, object]: ...


class Data(Protocol):
    """The data layers of a data set, and the blobs they produce.

    inputs   the tops with images, and their channels
    heads    the tops with the truth, and the class names of each in the order of their scores; those of the first are
             `class_names`
    void     the label that the loss and the scores ignore
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


def write_data_layer(data: Data, phase: str) -> Sequence[Top]:
    """The tops of the data layer of a phase, train or val: the inputs, then the labels."""
    layer = data.train if phase == "train" else data.val
    ntop = len(data.inputs) + len(data.heads)
    return L.Python(module=layer.module, layer=layer.layer, param_str=repr(dict(layer.params)), ntop=ntop)


def write_inputs(n: NetSpec, data: Data, phase: str) -> None:
    """Write the first layers of a net: its data layer, or for deploy one Input layer per input.

    Inputs have 500 x 500 pixels; callers reshape them to each image.
    """
    if phase != "deploy":
        for name, top in zip((*data.inputs, *data.heads), write_data_layer(data, phase)):
            n[name] = top
        return
    for name, channels in data.inputs.items():
        layer = "input" if len(data.inputs) == 1 else f"input_{name}"
        n[name] = L.Input(name=layer, shape=dict(dim=[1, channels, 500, 500]))
