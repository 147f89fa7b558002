"""A small net with weights, a loss and gradients everywhere, and its parts."""

from __future__ import annotations

from pathlib import Path

from fcn_repro import caffe

TRAINABLE = """
name: "small"
force_backward: true
layer {
  name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param {
    num: 5 num: 5 channels: 2 channels: 1 height: 3 height: 1 width: 4 width: 1
    data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" }
  }
}
layer {
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 1 decay_mult: 0 }
  convolution_param {
    num_output: 11 kernel_size: 2 pad: 3
    weight_filler { type: "gaussian" std: 1 } bias_filler { type: "constant" value: 2 }
  }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "conv" top: "ip_blob"
  inner_product_param { num_output: 8 weight_filler { type: "gaussian" std: 2.5 } bias_filler { value: -3 } }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip_blob" bottom: "label" top: "loss" }
"""
DEPLOY = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 dim: 2 dim: 2 } } }
layer {
  name: "score" type: "InnerProduct" bottom: "data" top: "score"
  inner_product_param { num_output: 5 weight_filler { type: "gaussian" std: 1 } bias_filler { value: 1 } }
}
"""


def write(folder: Path, text: str, name: str = "net.prototxt") -> str:
    """Put a prototxt into a folder; returns its path."""
    path = folder / name
    path.write_text(text)
    return str(path)


def small_net(folder: Path, text: str = TRAINABLE, phase: int = caffe.TRAIN) -> caffe.Net:
    """The net of a text."""
    return caffe.Net(write(folder, text), phase)
