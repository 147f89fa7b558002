"""MVN."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class MVN(Layer):
    """Mean and variance normalisation of each feature map, or of each image.

    Shapes   bottom[0] (N, C, ...) with at most 4 axes; top[0] the same, with ones appended up to 4 axes
    Reads    mvn_param: normalize_variance, across_channels, eps
    Differs  eps is added to the standard deviation, not to the variance
    Source   caffe 9b89154 mvn_layer.cpp
    """

    bottoms = tops = exactly(1)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        if len(bottom[0]) > 4:
            raise self.error(f"needs a bottom of at most 4 axes, not {list(bottom[0])}")
        return [(bottom[0] + (1,) * 3)[:4]]

    def compute(self, *bottom: Tensor) -> Tensor:
        rows = self._rows(bottom[0])
        y = rows - rows.mean(1, keepdim=True)
        if self.param.mvn_param.normalize_variance:
            self._deviation = y.square().mean(1, keepdim=True).sqrt() + self.param.mvn_param.eps
            y = y / self._deviation
        return y.view(self.top_shapes(tuple(bottom[0].shape))[0])

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """Through x, the mean and the deviation."""
        y, dy = self._rows(top[0]), self._rows(top_diff[0])
        dx = dy - dy.mean(1, keepdim=True)
        if self.param.mvn_param.normalize_variance:
            dx = (dx - y * (dy * y).mean(1, keepdim=True)) / self._deviation
        return [dx.view(bottom[0].shape)]

    def _rows(self, x: Tensor) -> Tensor:
        """One row per mean."""
        leading = x.shape[:1] if self.param.mvn_param.across_channels else x.shape[:2]
        return x.reshape(leading.numel(), -1)
