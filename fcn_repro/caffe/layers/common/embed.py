"""Embed."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class Embed(Layer):
    """A trained row per index: InnerProduct of one-hot vectors.

    Shapes
        bottom[0]   any; indices from 0 to input_dim - 1
        top[0]      (*bottom[0], num_output)
        blobs       [0] (input_dim, num_output)   [1] (num_output) if bias_term
    Reads    embed_param: num_output, input_dim, bias_term, weight_filler, bias_filler
    Source   caffe 9b89154 embed_layer.cpp; indices get no gradient
    """

    bottoms = tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.embed_param
        if param.num_output < 1 or param.input_dim < 1:
            raise self.error(
                f"got num_output {param.num_output} and input_dim {param.input_dim}; expected at least 1 each"
            )
        self.add_blob((param.input_dim, param.num_output), param.weight_filler)
        if param.bias_term:
            self.add_blob((param.num_output,), param.bias_filler)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        return [(*bottom[0], self.param.embed_param.num_output)]

    def compute(self, *bottom: Tensor) -> Tensor:
        index, rows = bottom[0].long(), self.blobs[0].tensor
        outside = index[(index < 0) | (index >= len(rows))]
        if outside.numel():
            raise self.error(f"got the index {int(outside[0])}; expected 0 to {len(rows) - 1}")
        return rows[index] + self.blobs[1].tensor if len(self.blobs) > 1 else rows[index]

    def gradients(self, bottom, top, top_diff, wanted) -> list[None]:
        """Add dy to the rows that were looked up, and its sum to the bias."""
        self.refuse_gradient(wanted, 0, "indices")
        rows = self.blobs[0].tensor
        dy = top_diff[0].reshape(-1, rows.shape[1])
        if self.param_propagate_down[0]:
            self.accumulate(0, rows.new_zeros(rows.shape).index_add_(0, bottom[0].long().flatten(), dy))
        if len(self.blobs) > 1 and self.param_propagate_down[1]:
            self.accumulate(1, dy.sum(0))
        return [None]
