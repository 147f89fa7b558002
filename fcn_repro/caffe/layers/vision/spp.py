"""SPP."""

import math

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.layers.unsupported import unsupported
from fcn_repro.caffe.layers.vision.pooling import Pooling
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape

_METHOD = {
    caffe_pb2.SPPParameter.MAX: caffe_pb2.PoolingParameter.MAX,
    caffe_pb2.SPPParameter.AVE: caffe_pb2.PoolingParameter.AVE,
}


class SPP(Layer):
    """Spatial pyramid pooling to 1 x 1, 2 x 2, 4 x 4 ... bins, concatenated.

    Shapes
        bottom[0]   (N, C, H, W)
        top[0]      (N, C * (1 + 4 + 16 + ...)), level by level; with pyramid_height 1, (N, C, 1, 1)
    Reads    spp_param: pyramid_height, pool (MAX or AVE)
    Source   caffe 9b89154 spp_layer.cpp: bins have height ceil(H / bins); the bottom is padded to fill them
    """

    bottoms = tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.spp_param
        if param.pyramid_height < 1:
            raise self.error(f"got pyramid_height {param.pyramid_height}; expected at least 1")
        if param.pool not in _METHOD:
            raise unsupported("Pooling STOCHASTIC", self.param)
        self._shape: Shape | None = None

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        (shape,) = bottom
        if len(shape) != 4:
            raise self.error(f"needs a bottom of 4 axes (N, C, H, W), not {list(shape)}")
        if shape != self._shape:
            self._levels = [self._level(2**level, shape) for level in range(self.param.spp_param.pyramid_height)]
            self._shape = shape
        shapes = [level.top_shapes(shape)[0] for level in self._levels]
        if len(shapes) == 1:
            return shapes
        return [(shape[0], sum(math.prod(level[1:]) for level in shapes))]

    def compute(self, *bottom: Tensor) -> Tensor:
        self._pooled: list[Tensor] = [level.compute(*bottom)[0] for level in self._levels]
        if len(self._pooled) == 1:
            return self._pooled[0]
        return torch.cat([pooled.flatten(1) for pooled in self._pooled], 1)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """Sum the levels' gradients."""
        dy = top_diff[0].flatten(1).split([pooled[0].numel() for pooled in self._pooled], 1)
        d_levels = [part.reshape(pooled.shape) for part, pooled in zip(dy, self._pooled, strict=True)]
        return [
            torch.stack(
                [
                    level.gradients(bottom, (pooled,), (part,), wanted)[0]
                    for level, pooled, part in zip(self._levels, self._pooled, d_levels, strict=True)
                ]
            ).sum(0)
        ]

    def _level(self, bins: int, shape: Shape) -> Pooling:
        """Create the pooling to bins x bins."""
        height, width = (math.ceil(n / bins) for n in shape[2:])
        pad_h, pad_w = ((k * bins - n + 1) // 2 for k, n in zip((height, width), shape[2:], strict=True))
        param = caffe_pb2.LayerParameter(name=self.param.name, type="Pooling", top=["level"])
        pooling = param.pooling_param
        pooling.pool = _METHOD[self.param.spp_param.pool]
        pooling.kernel_h, pooling.kernel_w, pooling.stride_h, pooling.stride_w = height, width, height, width
        pooling.pad_h, pooling.pad_w = pad_h, pad_w
        layer = Pooling(param)
        layer.prepare(shape)
        return layer
