"""Boost's ziggurat: normal samples from a stream of 32-bit draws, to the bit and many at a time.

A ziggurat covers a density with layers of equal area, wide ones at the bottom. A draw picks a layer and a place in it;
mostly (98.8 %) that place is the sample. Else it lies in the wedge under the curve's edge, which a second draw decides,
or in the tail. Boost takes one draw after another; here a whole array of draws is first read as if each began a
sample, then the draws that a wedge or the tail used up are struck out.

Source   boost 1.56 and later, random/normal_distribution.hpp and exponential_distribution.hpp, for float
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Draw = Callable[[int], np.ndarray]  # n -> the next n outputs of the generator, uint32

BOTTOM = 0  # the layer that continues into the tail
ROUNDS_TO_ONE = np.uint32(2**32 - 128)  # from this draw on u / 2^32 is 1 in float32


class Ziggurat:
    """Layer i spans the places from 0 to x[i] and the heights from y[i] to y[i + 1]; the last y is the density's top.

    Places are below `sure[i]` where the density covers the layer's full height.
    """

    def __init__(self, x: list[float], y: list[float], density: Callable[[np.ndarray], np.ndarray]) -> None:
        self.x = np.array(x, np.float32)
        self.sure = _round_up(np.array([*x[1:], 0.0]))
        self.y = np.array(y, np.float32)
        self.rise = np.diff([*y, 1.0]).astype(np.float32)
        self.tail_start = self.x[1]
        self._density = density

    def under_curve(self, layer: Any, place: Any, u: Any) -> np.ndarray:
        """Whether the density at `place` exceeds the height in the layer that the draw `u` stands for."""
        height = self.y[layer] + unit(u) * self.rise[layer]
        return height < self._density(place.astype(np.float64)).astype(np.float32)


def normal(draw: Draw, count: int) -> np.ndarray:
    """Samples of the normal distribution with mean 0 and deviation 1, float32: all that `count` draws make.

    That is at most `count`. When the last one needs more draws it takes them, so none is ever left over.
    """
    return _read(_Stream(draw, count))


def unit(u: np.ndarray) -> np.ndarray:
    """Draws as float32 in [0, 1]; 1 is there by rounding alone, and boost then draws again."""
    return u.astype(np.float32) * np.float32(2**-32)


def _read(stream: _Stream) -> np.ndarray:
    """The samples that the stream's draws make, fewer than draws; the stream grows if the last sample needs more."""
    low = (stream.u & 0xFF).astype(np.uint8)  # the layer, and in the lowest bit the sign
    samples = _place(stream.u) * NORMAL_X_SIGNED[low]
    is_sample = np.ones(samples.size, bool)
    undecided = np.flatnonzero(np.abs(samples) >= NORMAL_SURE[low])
    wedges, seconds, free = [], [], 0
    for p, layer in zip(undecided.tolist(), (low[undecided] >> 1).tolist(), strict=True):
        if p < free:
            continue
        if layer != BOTTOM:
            second, free = stream.next_unit(p + 1)
            wedges.append(p)
            seconds.append(second)
        else:
            tail, free = _normal_tail(stream, p + 1)
            samples[p] = math.copysign(tail, samples[p])
        is_sample[p + 1 : free] = False
    is_sample[wedges] = NORMAL.under_curve(low[wedges] >> 1, np.abs(samples[wedges]), np.array(seconds, np.uint32))
    return samples[is_sample]


def _normal_tail(stream: _Stream, position: int) -> tuple[np.float32, int]:
    """One sample beyond `tail_start`, and the position after the draws it took."""
    while True:
        x, position = _exponential(stream, position)
        y, position = _exponential(stream, position)
        x = x / NORMAL.tail_start
        if 2 * y > x * x:
            return x + NORMAL.tail_start, position


def _exponential(stream: _Stream, position: int) -> tuple[np.float32, int]:
    """One sample of the exponential distribution with rate 1, and the position after the draws it took."""
    shift = np.float32(0)
    while True:
        u = stream[position]
        position += 1
        layer = u & 0xFF
        place = _place(u) * EXPONENTIAL.x[layer]
        if place < EXPONENTIAL.sure[layer]:
            return place + shift, position
        if layer == BOTTOM:
            shift += EXPONENTIAL.tail_start
            continue
        second, position = stream.next_unit(position)
        if EXPONENTIAL.under_curve(layer, place, second):
            return place + shift, position


class _Stream:
    """Draws in order, by position; asking beyond the end draws more."""

    def __init__(self, draw: Draw, count: int) -> None:
        self._draw = draw
        self._more: list[np.uint32] = []
        self.u = draw(count)

    def __getitem__(self, position: int) -> np.uint32:
        if position < self.u.size:
            return self.u[position]
        while position - self.u.size >= len(self._more):
            self._more.append(self._draw(1)[0])
        return self._more[position - self.u.size]

    def next_unit(self, position: int) -> tuple[np.uint32, int]:
        """The first draw from `position` on that stands for a number below 1, and the position after it."""
        while (u := self[position]) >= ROUNDS_TO_ONE:
            position += 1
        return u, position + 1


def _place(u: Any) -> Any:
    """The upper 24 bits as float32 in [0, 1)."""
    return (u >> 8).astype(np.float32) * np.float32(2**-24)


def _round_up(x: np.ndarray) -> np.ndarray:
    """The float32 next to x that is not below it: boost compares float places with these in double."""
    rounded = x.astype(np.float32)
    return np.where(rounded < x, np.nextafter(rounded, np.float32(np.inf)), rounded)


def _normal_ziggurat(layers: int = 128, r: float = 3.4426198558966521) -> Ziggurat:
    area = r * math.exp(-r * r / 2) + math.sqrt(math.pi / 2) * math.erfc(r / math.sqrt(2))
    x, y = [area * math.exp(r * r / 2), r], [0.0, math.exp(-r * r / 2)]
    for _ in range(2, layers):
        y.append(y[-1] + area / x[-1])
        x.append(math.sqrt(-2 * math.log(y[-1])))
    return Ziggurat(x, y, lambda place: np.exp(-place * place / 2))


def _exponential_ziggurat(layers: int = 256, r: float = 7.69711747013104972) -> Ziggurat:
    area = (r + 1) * math.exp(-r)
    x, y = [area * math.exp(r), r], [0.0, math.exp(-r)]
    for _ in range(2, layers):
        y.append(y[-1] + area / x[-1])
        x.append(-math.log(y[-1]))
    return Ziggurat(x, y, lambda place: np.exp(-place))


NORMAL, EXPONENTIAL = _normal_ziggurat(), _exponential_ziggurat()
NORMAL_X_SIGNED = np.stack([-NORMAL.x, NORMAL.x], axis=1).ravel()  # by the low byte of a draw: odd is positive
NORMAL_SURE = NORMAL.sure.repeat(2)
