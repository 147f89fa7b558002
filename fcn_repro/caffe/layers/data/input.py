"""Input."""

from collections.abc import Sequence

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import at_least
from fcn_repro.caffe.layers.data.base_data import BaseDataLayer
from fcn_repro.caffe.synced_memory import Shape


class Input(BaseDataLayer):
    """Tops that the user fills: the net's `inputs`.

    Shapes   top[i] by input_param.shape: none (empty blobs), one for all tops, or one each
    Reads    input_param: shape
    Source   caffe 9b89154 input_layer.cpp
    """

    tops = at_least(1)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Shape the tops; the user may reshape them later."""
        self.shape_tops(top, self._declared_shapes(len(top)))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Do nothing: the user wrote the data."""

    def _declared_shapes(self, tops: int) -> list[Shape]:
        shapes = [tuple(shape.dim) for shape in self.param.input_param.shape]
        if len(shapes) not in (0, 1, tops):
            raise self.error(f"has {len(shapes)} shapes for {tops} tops; expected 0, 1 or {tops}")
        return (shapes or [(0,)]) * (tops if len(shapes) <= 1 else 1)
