"""Time of a net, layer by layer and in whole passes, on either engine, on a CPU or a GPU."""

from __future__ import annotations

import time
from typing import Any, Callable

import numpy as np

from fcn_repro.engine import caffe


def measure_call(run: Callable[..., object], *arguments: object) -> float:
    """Measure the seconds of a call, including the work that it gives to a GPU."""
    timer = caffe.Timer()  # waits for the GPU; on a CPU, real pycaffe's counts whole milliseconds
    timer.start()
    start = time.perf_counter()
    run(*arguments)
    _ = timer.ms
    return time.perf_counter() - start


def measure_layers(net: caffe.Net, trains: bool = True) -> np.ndarray:
    """Measure the seconds of one pass, layer by layer: (layers, 2), forward and backward; 0 backward unless it trains.

    Each layer computes its whole top. In whole passes the engine may fuse layers.
    """
    count = len(net.layers)
    seconds = np.zeros((count, 2))
    for index in range(count):
        seconds[index, 0] = measure_call(net._forward, index, index)
    for index in reversed(range(count if trains else 0)):
        seconds[index, 1] = measure_call(net._backward, index, index)
    return seconds


def measure_forward(net: Any) -> float:
    """Measure the seconds of a whole forward pass."""
    return measure_call(net._forward, 0, len(net.layers) - 1)


def measure_backward(net: Any) -> float:
    """Measure the seconds of a whole backward pass, which overwrites parameter gradients, as between two updates."""
    net.clear_param_diffs()
    return measure_call(net._backward, len(net.layers) - 1, 0)
