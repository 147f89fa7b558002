"""LRN."""

import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape

_Param = caffe_pb2.LRNParameter


class LRN(Layer):
    """Local response normalisation: x / s^beta, with s from the mean square in a window around x.

    Shapes   bottom[0] (N, C, H, W); top[0] the same
    Reads    lrn_param: local_size n (odd), alpha, beta, k, norm_region
    Across channels   s = k + alpha/n * (sum of squares over n neighbouring channels)
    Within a channel  s = 1 + alpha/n^2 * (sum of squares over an n x n window); k is ignored
    Source   caffe 9b89154 lrn_layer.cpp
    """

    bottoms = tops = exactly(1)
    may_be_in_place = False

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.lrn_param
        if param.local_size % 2 == 0:
            raise self.error(f"got local_size {param.local_size}; expected an odd number")
        self._across = param.norm_region == _Param.ACROSS_CHANNELS

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        if len(bottom[0]) != 4:
            raise self.error(f"needs a bottom of 4 axes (N, C, H, W), not {list(bottom[0])}")
        return [bottom[0]]

    def compute(self, *bottom: Tensor) -> Tensor:
        (x,) = bottom
        param = self.param.lrn_param
        self._s = self._window_mean(x * x).mul_(param.alpha).add_(param.k if self._across else 1.0)
        return x * self._s.pow(-param.beta)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """Through the numerator and through every window that contains x."""
        (x,), (y,), (dy,) = bottom, top, top_diff
        param = self.param.lrn_param
        direct = dy * self._s.pow(-param.beta)
        return [direct.addcmul_(x, self._window_mean(dy * y / self._s), value=-2 * param.alpha * param.beta)]

    def _window_mean(self, x: Tensor) -> Tensor:
        """Mean over the window; positions beyond the border count as zero."""
        n = self.param.lrn_param.local_size
        if self._across:
            half = min(n // 2, x.shape[1] - 1)  # all channels beyond are zero padding
            padded = F.pad(x, (0, 0, 0, 0, half, half))  # torch refuses padding of more than half a window
            window = (2 * half + 1, 1, 1)
            return F.avg_pool3d(padded.unsqueeze(1), window, stride=1, divisor_override=n).squeeze(1)
        return F.avg_pool2d(x, n, stride=1, padding=n // 2)
