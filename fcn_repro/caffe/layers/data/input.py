"""Input."""

from __future__ import annotations

from collections.abc import Sequence

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import Layer, at_least, exactly
from fcn_repro.caffe.synced_memory import Shape


class Input(Layer):
    """Tops that are fed from outside; they are the net's `inputs`.

    Shapes   top[i] as input_param.shape says: none (an empty blob), one for all tops, or one each
    Reads    input_param: shape
    Source   caffe 9b89154 input_layer.cpp
    """

    bottoms = exactly(0)
    tops = at_least(1)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Shape the tops, once: from then on they are reshaped from outside."""
        self.shape_tops(top, self._declared(len(top)))

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Nothing: the tops keep the shape that they were given from outside."""

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Nothing: the data came from outside."""

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Nothing: there is no bottom."""

    def _declared(self, tops: int) -> list[Shape]:
        shapes = [tuple(shape.dim) for shape in self.param.input_param.shape]
        if len(shapes) not in (0, 1, tops):
            raise self.error(f"has {len(shapes)} shapes for {tops} tops; expected none, one for all, or one each")
        return (shapes or [(0,)]) * (tops if len(shapes) <= 1 else 1)
