"""Count the trainable parameters of a net by arithmetic on its prototxt, without building the net."""

from __future__ import annotations

import math
from typing import Any

from fcn_repro.layer_params.conv_window import read_window


def count_trainable(net: Any) -> int:
    """Weights and biases whose lr_mult is not 0, of a NetParameter of convolutions, such as an FCN's deploy net.

    Raises   ValueError for an InnerProduct, whose weights depend on the size of the image
    """
    channels: dict[str, int] = {}
    total = 0
    for layer in net.layer:
        below = [channels[blob] for blob in layer.bottom]
        if layer.type == "Input":
            above = layer.input_param.shape[0].dim[1]
        elif layer.type in ("Convolution", "Deconvolution"):
            above = layer.convolution_param.num_output
            total += sum(size for i, size in enumerate(_count_each(layer, below[0])) if is_trainable(layer, i))
        elif layer.type == "InnerProduct":
            raise ValueError(f"layer {layer.name}: got an InnerProduct, expected a Convolution in its place")
        else:
            above = sum(below) if layer.type == "Concat" else below[0]
        channels[layer.top[0]] = above
    return total


def is_trainable(layer: Any, blob: int) -> bool:
    """Whether the lr_mult of a layer's parameter blob, by its index, is other than 0."""
    return blob >= len(layer.param) or layer.param[blob].lr_mult != 0


def _count_each(layer: Any, channels: int) -> list[int]:
    """Elements of the weights and, if there is one, of the bias."""
    param = layer.convolution_param
    weights = channels * param.num_output // param.group * math.prod(read_window(layer).kernel)
    return [weights, *[param.num_output] * param.bias_term]
