"""What the losses share: an anonymous top, loss_weight 1, a label bottom, and the normaliser."""

from __future__ import annotations

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape

LOG_THRESHOLD = 1e-20  # the least probability that the older losses take a logarithm of

_Mode = caffe_pb2.LossParameter


class LossLayer(Layer):
    """A layer whose first top is a scalar that training makes small.

    Source   caffe 9b89154 loss_layer.cpp
    """

    bottoms = exactly(2)
    tops = exactly(1)
    auto_top = True
    default_loss_weight = 1.0

    def allow_force_backward(self, bottom_index: int) -> bool:
        """Never to the labels."""
        return bottom_index != 1

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """A scalar; prediction and label must agree in the first dim."""
        if bottom[0][:1] != bottom[1][:1]:
            raise self.error(f"has bottoms of shapes {list(bottom[0])} and {list(bottom[1])}; dim 0 must be equal")
        return [()]

    def refuse_label_gradient(self, wanted: tuple[bool, ...]) -> None:
        """Raise if somebody below the labels wants a gradient."""
        if wanted[1]:
            raise self.error(f"cannot pass a gradient to its label bottom {self.param.bottom[1]!r}")

    def normalization(self, default: int) -> int:
        """The mode: `normalization` if set, else what the deprecated `normalize` says, else `default`."""
        param = self.param.loss_param
        if not param.HasField("normalization") and param.HasField("normalize"):
            return _Mode.VALID if param.normalize else _Mode.BATCH_SIZE
        return param.normalization if param.HasField("normalization") else default

    def divisor(self, mode: int, outer: int, inner: int, valid: int) -> float:
        """What the summed loss is divided by; never less than 1, so a loss without valid positions is 0."""
        counts = {_Mode.FULL: outer * inner, _Mode.VALID: valid, _Mode.BATCH_SIZE: outer, _Mode.NONE: 1}
        return float(max(1, counts[mode]))

    @property
    def ignore_label(self) -> int | None:
        """The label that does not count, if loss_param names one."""
        param = self.param.loss_param
        return param.ignore_label if param.HasField("ignore_label") else None

    def class_indices(self, label: Tensor, classes: int, ignored: int | None = None) -> tuple[Tensor, Tensor]:
        """Labels as integers (cut towards zero), and a mask of those that count.

        Raises   CaffeError for a label outside [0, classes) that is not the ignored one.
        """
        index = label.long()
        valid = torch.ones_like(index, dtype=torch.bool) if ignored is None else index != ignored
        outside = index[valid & ((index < 0) | (index >= classes))]
        if outside.numel():
            exception = "" if ignored is None else f" (or {ignored}, which is ignored)"
            raise self.error(
                f"met the label {int(outside[0])} in bottom {self.param.bottom[1]!r}; "
                f"expected 0 to {classes - 1}{exception}: check the label images, or the layer's num_output"
            )
        return index, valid
