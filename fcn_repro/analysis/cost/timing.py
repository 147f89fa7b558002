"""How long a net takes: layer by layer, and in whole passes; on either engine, on a CPU or a GPU."""

from __future__ import annotations

import time
from typing import Any, Callable

import numpy as np

from fcn_repro.engine import caffe


def timed(run: Callable[..., object], *arguments: object) -> float:
    """Seconds that a call takes, to the last thing that it has a GPU do."""
    timer = caffe.Timer()  # waits for the GPU; on a CPU, real pycaffe's counts whole milliseconds
    timer.start()
    began = time.perf_counter()
    run(*arguments)
    _ = timer.ms
    return time.perf_counter() - began


def by_layer(net: caffe.Net, learning: bool = True) -> np.ndarray:
    """Seconds of one pass run layer by layer: (layers, 2), forward and backward; 0 backward without learning.

    A layer run by itself computes all of its map: the engine takes several layers as one only in whole passes.
    """
    count = len(net.layers)
    spent = np.zeros((count, 2))
    for index in range(count):
        spent[index, 0] = timed(net._forward, index, index)
    for index in reversed(range(count if learning else 0)):
        spent[index, 1] = timed(net._backward, index, index)
    return spent


def forward(net: Any) -> float:
    """Seconds of a whole forward pass."""
    return timed(net._forward, 0, len(net.layers) - 1)


def backward(net: Any) -> float:
    """Seconds of a whole backward pass, whose parameter gradients replace those before, as between two updates."""
    net.clear_param_diffs()
    return timed(net._backward, len(net.layers) - 1, 0)
