"""The project's nets at a sixteenth of their width, with plain inputs in place of their data layer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from nets.fcn import FCNS, Inputs, fcn
from nets.ilsvrc import CLASSIFIERS, Classifier, classifier, convolutional

CLASSES = 5
WIDTH = 1 / 16
NETS = [name for name in FCNS if "mini" not in name]  # mini nets are these at another width
INPUTS = {Inputs.ONE: {"data": 3}, Inputs.EARLY: {"color": 3, "depth": 1}, Inputs.LATE: {"color": 3, "hha": 3}}


@dataclass(frozen=True)
class Source:
    """What a net must be told of a data set, where nothing is read."""

    inputs: dict[str, int] = field(default_factory=lambda: INPUTS[Inputs.ONE])
    class_names: tuple[str, ...] = tuple("abcde")
    void: int = 255

    @property
    def heads(self) -> dict[str, tuple[str, ...]]:
        """One label map."""
        return {"label": self.class_names}

    @dataclass(frozen=True)
    class Layer:
        """A data layer that is never built."""

        module: str = ""
        layer: str = ""
        params: tuple = ()

    train: Layer = Layer()
    val: Layer = Layer()


NOISE = """
layer { name: "input" type: "DummyData" top: "data" top: "label" dummy_data_param {
  shape { dim: 1 dim: 3 dim: %(height)d dim: %(width)d } shape { dim: 1 dim: 1 dim: %(height)d dim: %(width)d }
  data_filler { type: "gaussian" std: 60 } data_filler { type: "uniform" max: 4.99 } } }
"""


def noisy_net(name: str, height: int, width: int, normalize: bool = False) -> str:
    """The same with random images and labels in every pass, to train on."""
    _, inputs, rest = small_net(name, height, width, "train", normalize).split("layer {", 2)
    return NOISE % {"height": height, "width": width} + "layer {" + rest


def small_net(name: str, height: int, width: int, phase: str = "train", normalize: bool = False) -> str:
    """The prototxt of an FCN that takes its inputs (1, channels, height, width) and `label` (1, 1, height, width)."""
    plan = FCNS[name]
    inputs = INPUTS[plan.inputs]
    param = fcn(replace(plan, style=replace(plan.style, width=WIDTH)), phase, Source(inputs), normalize)
    if phase == "deploy":
        del param.layer[1 : len(inputs)]
    return _fed(param, **{top: [1, channels, height, width] for top, channels in {**inputs, "label": 1}.items()})


def small_classifier(name: str, phase: str, batch: int) -> str:
    """The prototxt of a classifier that takes `data` (batch, 3, side, side), of its own side, and `label` (batch)."""
    plan = _narrow(name)
    return _fed(classifier(plan, phase, Source()), data=[batch, 3, plan.size, plan.size], label=[batch])


def small_convolutional(name: str) -> str:
    """The prototxt of a convolutional classifier that takes `data`, to be reshaped to any image."""
    return str(convolutional(_narrow(name), Source()))


def _narrow(name: str) -> Classifier:
    plan = CLASSIFIERS[name]
    return replace(plan, style=replace(plan.style, width=WIDTH))


def _fed(param: Any, **shapes: list[int]) -> str:
    """The net with plain inputs of these shapes."""
    param.layer[0].Clear()
    param.layer[0].name, param.layer[0].type = "input", "Input"
    for top, dims in shapes.items():
        param.layer[0].top.append(top)
        param.layer[0].input_param.shape.add(dim=dims)
    return str(param)
