"""The axis that a Concat, Slice or Softmax layer runs along.

Source   caffe 9b89154 concat_layer.cpp, slice_layer.cpp (LayerSetUp), softmax_layer.cpp (Reshape)
"""

from __future__ import annotations

from typing import Any

IMAGE_AXES, SPATIAL = 4, 2  # the axes of a blob of images, and the first spatial one
PARAMS = {"Concat": "concat_param", "Slice": "slice_param", "Softmax": "softmax_param"}
OLD_NAMES = {"Concat": "concat_dim", "Slice": "slice_dim"}


def read_layer_axis(layer: Any) -> int:
    """Return the axis as the prototxt gives it, perhaps negative; the deprecated name of the field counts if set."""
    param, old = getattr(layer, PARAMS[layer.type]), OLD_NAMES.get(layer.type)
    return int(getattr(param, old) if old and param.HasField(old) else param.axis)


def is_spatial(layer: Any) -> bool:
    """Whether the axis of a Concat, Slice or Softmax of images is that of their height or width."""
    return read_layer_axis(layer) % IMAGE_AXES >= SPATIAL
