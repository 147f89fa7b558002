"""What makes the engine fast: every optimisation, what it rests on, and one switch that turns them all off.

A prototxt means what it means in Caffe. Nothing here changes that: each optimisation computes the same numbers (to
float rounding), checks by itself that what it rests on holds, and lets the plain path run where it does not. `PLAIN=1`
in the environment, or `with fast.off():`, runs the plain path everywhere; tests/caffe/fast compares the two.

pages           Memory that is freed stays with the process.
border          TEST: what padding and weights alone decide is kept from one picture of a size to the next; filters are
                reordered once (frozen_filters). Its parts: reach, window_plan, ring, stretch.
interpolation   A deconvolution that mixes no channels multiplies channel by channel.
pieces          An update passes over a parameter piece by piece, in the cache.
Layer.overwrite and overwrite_gradient: ReLU and Dropout change their blob where it lies.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_state = {"on": os.environ.get("PLAIN", "0") in ("", "0")}


def on() -> bool:
    """Whether optimisations may be used."""
    return _state["on"]


@contextmanager
def off() -> Iterator[None]:
    """Compute by the plain path for a while."""
    before = _state["on"]
    _state["on"] = False
    try:
        yield
    finally:
        _state["on"] = before
