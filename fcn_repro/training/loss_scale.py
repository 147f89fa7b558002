"""The learning rate of a loss summed over pixels, in terms of a mean over pixels, and vice versa.

The gradient of the sum is that of the mean times the number of pixels, so the rate must be smaller by that factor.
Solvers that divide by the gradient's own size, such as Adam, need no conversion.

Source   caffe 9b89154 loss_layer.cpp, GetNormalizer; sgd_solver.cpp, ComputeUpdateValue
"""

from __future__ import annotations

from typing import Any, Sequence

from fcn_repro.model.loss_heads import Head

PROPORTIONAL = ("SGD", "Nesterov")  # solvers whose step is proportional to the gradient


def convert_rate(head: Head, solver: Any, label_shape: Sequence[int]) -> str:
    """A sentence: a solver's rate, and the equivalent rate under the other normalisation; empty where there is none.

    `solver` is a SolverParameter; `label_shape` is (N, 1, H, W) of a training image.
    """
    rate, momentum, kind = solver.base_lr, solver.momentum, solver.type or "SGD"
    height, width = label_shape[-2:] if len(label_shape) == 4 else (1, 1)
    if height * width == 1 or kind not in PROPORTIONAL:
        return ""
    if head.is_sum:
        text = f"base_lr {rate:.2g} on a loss summed over pixels is about {rate * height * width:.2g} on a mean over"
    else:
        text = f"base_lr {rate:.2g} on a loss averaged over pixels is about {rate / height / width:.2g} on a sum over"
    total = f"; momentum {momentum:g} scales each gradient by {1 / (1 - momentum):.3g} in total" if momentum else ""
    return f"{text} {width}x{height} pixels, the size of an image here{total}"
