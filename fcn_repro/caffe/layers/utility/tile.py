"""Tile."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class Tile(Layer):
    """Repeats the bottom along an axis.

    Shapes   bottom[0] any; top[0] the same with `axis` multiplied by `tiles`
    Reads    tile_param: axis (default 1), tiles (required)
    Source   caffe 9b89154 tile_layer.cpp
    """

    bottoms = tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        if self.param.tile_param.tiles < 1:
            raise self.error(f"got tiles {self.param.tile_param.tiles}; expected at least 1")

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        (shape,), param = bottom, self.param.tile_param
        self._axis = self.canonical_axis(param.axis, len(shape))
        return [(*shape[: self._axis], shape[self._axis] * param.tiles, *shape[self._axis + 1 :])]

    def compute(self, *bottom: Tensor) -> Tensor:
        repeats = [1] * bottom[0].dim()
        repeats[self._axis] = self.param.tile_param.tiles
        return bottom[0].repeat(repeats)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """Sum over the repeats."""
        return [top_diff[0].unflatten(self._axis, (self.param.tile_param.tiles, -1)).sum(self._axis)]
