"""Normalize."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape


class Normalize(Layer):
    """x / sqrt(sum of x^2 + eps) * scale; the sum is over the channels of a cell, or of the whole image.

    Shapes
        bottom[0]   (N, C, ...); top[0] the same
        blobs       [0] scale: () if channel_shared, else (C)
    Reads    norm_param: across_spatial (default true: the whole image), channel_shared, scale_filler (default 1), eps
    Differs  over a whole image the fork's gradient lacks no term, but its sum counts eps twice (2e-10 at most here)
    Source   weiliu89/caffe 4817bf8 (branch ssd) normalize_layer.cpp; ParseNet
    """

    bottoms = tops = exactly(1)
    may_be_in_place = False

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.norm_param
        if len(bottom[0]) < 2:
            raise self.error(f"needs a bottom with at least 2 axes (N, C), not {list(bottom[0])}")
        one = caffe_pb2.FillerParameter(value=1)
        filler = param.scale_filler if param.HasField("scale_filler") else one
        self.add_blob(() if param.channel_shared else bottom[0][1:2], filler)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        if not self.param.norm_param.channel_shared and bottom[0][1:2] != self.blobs[0].dims:
            raise self.error(f"was set up for {list(self.blobs[0].dims)} channels and got {list(bottom[0])}")
        self._axes = tuple(range(1, len(bottom[0]))) if self.param.norm_param.across_spatial else (1,)
        return [bottom[0]]

    def compute(self, *bottom: Tensor) -> Tensor:
        (x,) = bottom
        self._norm = (x.square().sum(self._axes, keepdim=True) + self.param.norm_param.eps).sqrt()
        return x / self._norm * self._scale(x)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """Through x and its norm."""
        x, dy = bottom[0], top_diff[0]
        unit = x / self._norm
        if self.param_propagate_down[0]:
            total = dy * unit
            shared = self.param.norm_param.channel_shared
            self.accumulate(0, total.sum() if shared else total.transpose(0, 1).flatten(1).sum(1))
        dy = dy * self._scale(x)
        return [(dy - unit * (dy * unit).sum(self._axes, keepdim=True)) / self._norm]

    def _scale(self, x: Tensor) -> Tensor:
        scale = self.blobs[0].tensor
        return scale if scale.dim() == 0 else scale.view(1, -1, *[1] * (x.dim() - 2))
