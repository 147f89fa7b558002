"""Base class of the losses: an unnamed top, loss_weight 1, labels and the divisor."""

import math

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.layer_params.loss_normalization import read_normalization

LOG_THRESHOLD = 1e-20  # lower bound of probabilities in the older losses


def locate_classes(layer: Layer, scores: Shape, labels: Shape, axis: int) -> tuple[int, int, int]:
    """Return the canonical class axis of `scores`, and the numbers of positions before and after it.

    Raises   CaffeError unless there is one label per position.
    """
    axis = layer.canonical_axis(axis, len(scores))
    outer, inner = math.prod(scores[:axis]), math.prod(scores[axis + 1 :])
    if math.prod(labels) != outer * inner:
        raise layer.error(
            f"has scores of shape {list(scores)} and labels of shape {list(labels)}: "
            f"got {math.prod(labels)} labels; expected one per position, {outer * inner}"
        )
    return axis, outer, inner


class LossLayer(Layer):
    """A layer whose first top is a scalar to minimise.

    Source   caffe 9b89154 loss_layer.cpp
    """

    bottoms = exactly(2)
    tops = exactly(1)
    auto_top = True
    default_loss_weight = 1.0

    def allow_force_backward(self, bottom_index: int) -> bool:
        """Labels get no gradient."""
        return bottom_index != 1

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """A scalar; predictions and labels must agree in the first dim."""
        if bottom[0][:1] != bottom[1][:1]:
            raise self.error(f"has bottoms of shapes {list(bottom[0])} and {list(bottom[1])}; dim 0 must be equal")
        return [()]

    def divisor(self, outer: int, inner: int, valid: int) -> float:
        """Get the divisor of the summed loss: at least 1, so a loss without valid positions is 0."""
        counts = {"FULL": outer * inner, "VALID": valid, "BATCH_SIZE": outer, "NONE": 1}
        return float(max(1, counts[read_normalization(self.param)]))

    @property
    def ignore_label(self) -> int | None:
        """The label of ignored positions, if loss_param names one."""
        param = self.param.loss_param
        return param.ignore_label if param.HasField("ignore_label") else None

    def class_indices(self, label: Tensor, classes: int, ignored: int | None = None) -> tuple[Tensor, Tensor]:
        """Convert labels to integers, truncated towards zero, and mark the ones that are not ignored.

        Raises   CaffeError for a label outside [0, classes) that is not the ignored one.
        """
        index = label.long()
        valid = torch.ones_like(index, dtype=torch.bool) if ignored is None else index != ignored
        outside = index[valid & ((index < 0) | (index >= classes))]
        if outside.numel():
            exception = "" if ignored is None else f" (or {ignored}, which is ignored)"
            raise self.error(
                f"got the label {int(outside[0])} in bottom {self.param.bottom[1]!r}; "
                f"expected 0 to {classes - 1}{exception}: check the label images, or the layer's num_output"
            )
        return index, valid
