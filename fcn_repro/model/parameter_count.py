"""How many numbers of a net learn, by arithmetic on its prototxt: nothing is built."""

from __future__ import annotations

from typing import Any

from fcn_repro.engine import caffe


def learnt(net: caffe.proto.caffe_pb2.NetParameter) -> int:
    """Weights and biases whose lr_mult is not 0, of a net of convolutions: its deploy net, fc layers and all.

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
            total += sum(size for i, size in enumerate(_sizes(layer, below[0])) if learns(layer, i))
        elif layer.type == "InnerProduct":
            raise ValueError(
                f"layer {layer.name} is an InnerProduct; expected the net with convolutions in their place"
            )
        else:
            above = sum(below) if layer.type == "Concat" else below[0]
        channels[layer.top[0]] = above
    return total


def _sizes(layer: Any, below: int) -> list[int]:
    """How many weights a convolution has, forwards or backwards, and how many biases."""
    param = layer.convolution_param
    weights = below * param.num_output // param.group * param.kernel_size[0] ** 2
    return [weights, *([param.num_output] if param.bias_term else [])]


def learns(layer: Any, blob: int) -> bool:
    """Whether the lr_mult of a layer's parameter, by its number, is other than 0."""
    return blob >= len(layer.param) or layer.param[blob].lr_mult != 0
