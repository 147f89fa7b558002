"""Boost's ziggurat: normal samples from a stream of 32-bit draws, to the bit, in arrays.

A ziggurat covers a density with layers of equal area. A draw picks a layer and a place in it; in 98.8 % of cases that
place is the sample. Otherwise the place is in the wedge under the curve's edge, where a second draw decides, or in the
tail. Boost takes draws one by one. Here every draw of an array first counts as the start of a sample; then the draws
that a wedge or the tail consumed are dropped.

Source   boost 1.56 and later, random/normal_distribution.hpp and exponential_distribution.hpp, for float
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Draw = Callable[[int], np.ndarray]  # n -> the next n outputs of the generator, uint32

BOTTOM = 0  # the layer that continues into the tail
ROUNDS_TO_ONE = np.uint32(2**32 - 128)  # the least draw u with u / 2^32 = 1 in float32


class Ziggurat:
    """Layer i spans places from 0 to x[i] and heights from y[i] to y[i + 1]; the last y is the density's maximum.

    Below `sure[i]` the density covers the layer's full height. The density is exp(exponent(place)); the exponent is
    rounded to float32, and decides the samples at the edge.
    """

    def __init__(self, x: list[float], y: list[float], exponent: Callable[[np.ndarray], np.ndarray]) -> None:
        self.x = np.array(x, np.float32)
        self.sure = _round_up(np.array([*x[1:], 0.0]))
        self.y = np.array(y, np.float32)
        self.rise = np.diff([*y, 1.0]).astype(np.float32)
        self.tail_start = self.x[1]
        self._exponent = exponent

    def under_curve(self, layer: Any, place: Any, u: Any) -> np.ndarray:
        """Return whether the density at `place`, float32, exceeds the height in the layer that the draw `u` selects."""
        height = self.y[layer] + unit(u) * self.rise[layer]
        return height < np.exp(self._exponent(place).astype(np.float64)).astype(np.float32)


def normal(draw: Draw, count: int) -> np.ndarray:
    """Return float32 samples of the standard normal distribution: all that `count` draws make, at most `count`.

    The last sample takes further draws if it needs them, so no draw remains unused.
    """
    return _read(_Stream(draw, count))


def unit(u: np.ndarray) -> np.ndarray:
    """Convert draws to float32 in [0, 1]; rounding can give 1, and boost then draws again."""
    return u.astype(np.float32) * np.float32(2**-32)


def _read(stream: _Stream) -> np.ndarray:
    """Return the samples from the stream's draws; the stream grows if the last sample needs more draws."""
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
    """Return one sample beyond `tail_start`, and the position after its draws."""
    while True:
        x, position = _exponential(stream, position)
        y, position = _exponential(stream, position)
        x = x / NORMAL.tail_start
        if 2 * y > x * x:
            return x + NORMAL.tail_start, position


def _exponential(stream: _Stream, position: int) -> tuple[np.float32, int]:
    """Return one sample of the exponential distribution with rate 1, and the position after its draws."""
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
    """Draws by position; an index beyond the end draws more."""

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
        """Return the first draw from `position` on whose `unit` is below 1, and the position after it."""
        while (u := self[position]) >= ROUNDS_TO_ONE:
            position += 1
        return u, position + 1


def _place(u: Any) -> Any:
    """Return the upper 24 bits as float32 in [0, 1)."""
    return (u >> 8).astype(np.float32) * np.float32(2**-24)


def _round_up(x: np.ndarray) -> np.ndarray:
    """Round up to float32, as boost compares float places with these values in double."""
    rounded = x.astype(np.float32)
    return np.where(rounded < x, np.nextafter(rounded, np.float32(np.inf)), rounded)


def _normal_ziggurat(layers: int = 128, r: float = 3.4426198558966521) -> Ziggurat:
    area = r * math.exp(-r * r / 2) + math.sqrt(math.pi / 2) * math.erfc(r / math.sqrt(2))
    x, y = [area * math.exp(r * r / 2), r], [0.0, math.exp(-r * r / 2)]
    for _ in range(2, layers):
        y.append(y[-1] + area / x[-1])
        x.append(math.sqrt(-2 * math.log(y[-1])))
    return Ziggurat(x, y, lambda place: -(place * place) / np.float32(2))


def _exponential_ziggurat(layers: int = 256, r: float = 7.69711747013104972) -> Ziggurat:
    area = (r + 1) * math.exp(-r)
    x, y = [area * math.exp(r), r], [0.0, math.exp(-r)]
    for _ in range(2, layers):
        y.append(y[-1] + area / x[-1])
        x.append(-math.log(y[-1]))
    return Ziggurat(x, y, lambda place: -place)


NORMAL, EXPONENTIAL = _normal_ziggurat(), _exponential_ziggurat()
NORMAL_X_SIGNED = np.stack([-NORMAL.x, NORMAL.x], axis=1).ravel()  # by the low byte of a draw: odd is positive
NORMAL_SURE = NORMAL.sure.repeat(2)
