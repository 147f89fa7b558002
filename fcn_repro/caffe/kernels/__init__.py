"""What makes the engine fast: every optimisation, what it rests on, and one switch that turns them all off.

A prototxt means what it means in Caffe. Nothing here changes that: each optimisation computes the same numbers (to
float rounding), finds out by itself whether what it rests on holds, and lets the plain path run where it does not.
`PLAIN=1` in the environment, or `with fast.off():`, takes the plain path everywhere; tests/caffe/fast compares the two.

    border           TEST: what padding and weights alone decide is kept for a size of picture   weights stay
    frozen_filters   TEST: filters are put into the order that multiplies fastest, once;
                     what they make is rectified on the way                                      weights stay
    winograd         filters of 3x3 multiply a fifth as often, where maps are large              on the CPU
    pairs            windows of 2x2 find their maxima pair by pair                               on the CPU
    columns          where filters or tops outweigh bottoms, matrices are multiplied             on the CPU
    channels_last    with PRECISION=bf16 maps lie in memory as they are multiplied               on the CPU
    interpolation    a deconvolution that mixes no channels multiplies channel by channel        off-diagonal zeros
    pieces           updates, and convolutions of many filters, take them piece by piece        on the CPU
    Layer.overwrite, overwrite_gradient   ReLU and Dropout change their blob where it lies       top is bottom

Whether weights stay is told by stamps: SyncedMemory.stamp. Three more change no computing and have no switch: `pages`,
by which memory that is freed stays with the process; fcn_repro/caffe/net/backward_plan.py, by which gradients that nobody
needs are not computed; and Solver.save_memory, by which `tools.solve` lets those go that have been used.
border is made of reach, window_plan, ring and stretch.
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
