"""The parameter `base` of Exp and Log."""

import math

from fcn_repro.caffe.layers.base import Layer

NATURAL = -1.0  # e in a prototxt


def natural_log_of_base(layer: Layer, base: float) -> float:
    """Return ln(base).

    Raises   CaffeError for a base that is neither positive nor -1.
    """
    if base == NATURAL:
        return 1.0
    if base <= 0:
        raise layer.error(f"got base {base}; expected a positive number, or -1 for e")
    return math.log(base)
