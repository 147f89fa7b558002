"""One layer in a net of its own: what a comparison of layers is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.oracle.oracle import Arrays, Case

Shape = tuple[int, ...]
Values = Callable[[np.random.RandomState, Shape], np.ndarray]

TRAIN, TEST = 0, 1


def normal(random: np.random.RandomState, shape: Shape) -> np.ndarray:
    """What most layers get."""
    return random.standard_normal(shape)


def between(low: float, high: float) -> Values:
    """Numbers in a range: positive ones for logarithms, probabilities."""
    return lambda random, shape: random.uniform(low, high, shape)


def integers(low: int, high: int) -> Values:
    """Integers in [low, high): labels, indices; few values make many ties."""
    return lambda random, shape: random.randint(low, high, shape)


def one_of(*values: float) -> Values:
    """Some of these numbers: markers, labels with an ignored one."""
    return lambda random, shape: random.choice(values, shape)


@dataclass(frozen=True)
class Bottom:
    """A bottom: its shape, what it holds, and where it comes from.

    A bottom made by a Parameter layer asks for its gradient by itself. The others get one by force_backward.
    """

    shape: Shape
    values: Values = normal
    is_parameter: bool = False


@dataclass(frozen=True)
class LayerCase:
    """A layer, two forward and backward passes over different values, and maybe other shapes the second time."""

    type: str
    bottoms: tuple[Bottom, ...]
    param: str = ""
    tops: int = 1
    in_place: bool = False
    phase: int = TRAIN
    backward: bool = True
    later: tuple[Shape, ...] = ()
    seed: int = 1
    limit: float = 1e-5
    forced: bool = True  # by force_backward; else the layer is its own loss, and Parameter bottoms get gradients

    @property
    def text(self) -> str:
        """The net."""
        forced = self.forced and not any(bottom.is_parameter for bottom in self.bottoms)
        lines = ["force_backward: true"] if self.backward and forced else []
        names = [f"b{index}" for index in range(len(self.bottoms))]
        for name, bottom in zip(names, self.bottoms, strict=True):
            kind, param = ("Parameter", "parameter_param") if bottom.is_parameter else ("Input", "input_param")
            dims = " ".join(f"dim: {dim}" for dim in bottom.shape)
            lines.append(f'layer {{ name: "{name}" type: "{kind}" top: "{name}" {param} {{ shape {{ {dims} }} }} }}')
        tops = names[:1] if self.in_place else [f"t{index}" for index in range(self.tops)]
        wiring = " ".join([f'bottom: "{name}"' for name in names] + [f'top: "{name}"' for name in tops])
        weights = "" if forced else "loss_weight: 1 " * len(tops)
        lines.append(f'layer {{ name: "layer" type: "{self.type}" {wiring} {weights}{self.param} }}')
        return "\n".join(lines)

    def to_case(self) -> Case:
        """Ready to run in either engine."""
        random = np.random.RandomState(self.seed)
        arrays: Arrays = {}
        for index, shapes in enumerate(([bottom.shape for bottom in self.bottoms], self.later or None)):
            for order, bottom in enumerate(self.bottoms):
                shape = (shapes or [bottom.shape for bottom in self.bottoms])[order]
                arrays[f"{index}/b{order}"] = np.asarray(bottom.values(random, shape), np.float32)
        arguments = {
            "text": self.text, "phase": self.phase, "seed": self.seed, "passes": 2, "backward": self.backward,
        }  # fmt: skip
        return Case("net", arguments, arrays)

    def __str__(self) -> str:
        shapes = " ".join("x".join(map(str, bottom.shape)) or "()" for bottom in self.bottoms)
        marks = [word for word, on in (("in place", self.in_place), ("TEST", self.phase == TEST)) if on]
        return " ".join([self.type, shapes, *self.param.split(), *marks])


def cases(
    type_: str, bottoms: Sequence[Sequence[Bottom] | Shape], params: Sequence[str] = ("",), **rest: Any
) -> list[LayerCase]:
    """Every param text on every set of bottoms; a bare shape is one bottom of normal numbers."""
    return [
        LayerCase(type_, (Bottom(given),) if isinstance(given[0], int) else tuple(given), param, **rest)
        for given in bottoms
        for param in params
    ]


def each(message: str, lines: str) -> list[str]:
    """A param text `message { line }` for every line; one that reads `-` gives none."""
    texts = [line.strip() for line in lines.strip().splitlines()]
    return ["" if text == "-" else f"{message} {{ {text} }}" for text in texts]
