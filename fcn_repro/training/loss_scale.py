"""Learning rates of a loss summed over pixels, and of one averaged over them, in terms of each other.

The gradient of the sum is that of the mean times the number of pixels, so the rate has to be smaller by as much.
Solvers that divide by the gradient's own size, such as Adam, do not feel the difference.

Source   caffe 9b89154 loss_layer.cpp, GetNormalizer; sgd_solver.cpp, ComputeUpdateValue
"""

from __future__ import annotations

from typing import Sequence

from fcn_repro.engine import caffe
from fcn_repro.model.loss_heads import Head

PROPORTIONAL = ("SGD", "Nesterov")  # solvers whose step grows with the gradient


def conversion(head: Head, solver: caffe.proto.caffe_pb2.SolverParameter, label_shape: Sequence[int]) -> str:
    """A solver's rate, and which one does the same under the other normalisation; empty where there is none.

    `label_shape` is (N, 1, H, W), of an image that the net learns from.
    """
    rate, momentum, kind = solver.base_lr, solver.momentum, solver.type or "SGD"
    height, width = label_shape[-2:] if len(label_shape) == 4 else (1, 1)
    if height * width == 1 or kind not in PROPORTIONAL:
        return ""
    pixels = f"{width}x{height} pixels"
    if head.summed:
        text = f"base_lr {rate:.2g} on a loss summed over pixels is about {rate * height * width:.2g} on a mean over"
    else:
        text = f"base_lr {rate:.2g} on a loss averaged over pixels is about {rate / height / width:.2g} on a sum over"
    total = f"; momentum {momentum:g} lets each gradient count {1 / (1 - momentum):.3g} times" if momentum else ""
    return f"{text} {pixels}, an image's size here{total}"
