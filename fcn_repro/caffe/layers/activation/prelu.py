"""PReLU."""

from torch import Tensor

from fcn_repro.caffe.layers.activation.neuron import NeuronLayer
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape


class PReLU(NeuronLayer):
    """max(x, 0) + a * min(x, 0) with a trained slope a per channel.

    Shapes   bottom[0] (N, C, ...); top[0] the same; may be in place; blobs[0] (C), or () if channel_shared
    Reads    prelu_param: filler (constant 0.25), channel_shared
    Source   caffe 9b89154 prelu_layer.cpp
    """

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.prelu_param
        if len(bottom[0]) < 2:
            raise self.error(f"needs a bottom with at least 2 axes (N, C), not {list(bottom[0])}")
        quarter = caffe_pb2.FillerParameter(type="constant", value=0.25)
        self.add_blob(
            () if param.channel_shared else (bottom[0][1],), param.filler if param.HasField("filler") else quarter
        )

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """The bottom's shape; the number of channels must not change."""
        slopes = self.blobs[0]
        if not self.param.prelu_param.channel_shared and bottom[0][1:2] != slopes.dims:
            raise self.error(f"was set up for {slopes.count} channels and got a bottom of shape {list(bottom[0])}")
        return [bottom[0]]

    def compute(self, *bottom: Tensor) -> Tensor:
        (x,) = bottom
        self._before = x.clone() if self.is_in_place else x
        return x.clamp(min=0) + self._slopes(x) * x.clamp(max=0)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """dx = dy where x > 0, a * dy elsewhere; da = sum of dy * min(x, 0)."""
        x, dy, slopes = self._before, top_diff[0], self.blobs[0]
        if self.param_propagate_down[0]:
            per_element = dy * x.clamp(max=0)
            other_axes = [axis for axis in range(x.dim()) if axis != 1 or not slopes.dims]
            self.accumulate(0, per_element.sum(other_axes))
        return [dy.where(x > 0, self._slopes(x) * dy) if wanted[0] else None]

    def _slopes(self, x: Tensor) -> Tensor:
        return self.blobs[0].tensor.view(-1, *[1] * (x.dim() - 2))
