"""The offsets of a Crop layer.

Source   caffe 9b89154 crop_layer.cpp (Reshape)
"""

from __future__ import annotations

from typing import Any


def read_crop_offsets(layer: Any, axes: int = 2) -> list[int]:
    """Return the offsets along the `axes` cropped axes, in cells: one given offset counts for all, none counts as 0.

    Any other number of offsets is returned as it stands.
    """
    offsets = list(layer.crop_param.offset) or [0]
    return offsets * axes if len(offsets) == 1 else offsets
