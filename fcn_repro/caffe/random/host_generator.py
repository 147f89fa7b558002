"""The generator of Caffe's random numbers on the CPU and its distributions, to the bit.

Source   caffe 9b89154 math_functions.cpp (caffe_rng_*), util/rng.hpp (shuffle); boost mt19937 and its distributions
"""

import math
from collections.abc import Callable, MutableSequence, Sequence

import numpy as np

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.random import ziggurat

LARGEST_DRAW = 2**32 - 1
CHUNK = 1 << 17  # samples per step; temporary arrays fit the cache

State = dict[str, np.ndarray]


class HostGenerator:
    """MT19937 with a 32-bit seed. Calls buffer nothing: any split of n draws over calls gives the same n outputs."""

    def __init__(self, seed: int) -> None:
        if not 0 <= seed <= LARGEST_DRAW:
            raise CaffeError(f"random seed {seed}: expected an unsigned 32-bit integer")
        _, key, position, *_ = np.random.RandomState(seed).get_state(legacy=True)
        self._twister = np.random.MT19937()
        self._numpy = np.random.Generator(self._twister)
        self.state = {"key": np.asarray(key), "position": np.array(position)}

    @property
    def state(self) -> State:
        """The generator's state, as arrays for a file."""
        state = self._twister.state["state"]
        return {"key": state["key"], "position": np.array(state["pos"])}

    @state.setter
    def state(self, state: State) -> None:
        self._twister.state = {
            "bit_generator": "MT19937",
            "state": {"key": np.asarray(state["key"], np.uint32), "pos": int(state["position"])},
        }

    def draw(self) -> int:
        """Draw one output of 32 bits."""
        return int(self.draws(1)[0])

    def draws(self, count: int) -> np.ndarray:
        """Draw the next `count` outputs, uint32."""
        return self._numpy.integers(0, LARGEST_DRAW, count, np.uint32, endpoint=True)

    def uniform(self, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Draw float32 in [low, high], `high` included as in Caffe."""
        low_, beyond = np.float32(low), np.nextafter(np.float32(high), np.float32(np.inf))

        def draw_samples(count: int) -> np.ndarray:
            values = ziggurat.unit(self.draws(count)) * (beyond - low_) + low_
            return values[values < beyond]  # rounding can reach the excluded end; draw those again

        return _collect(shape, draw_samples)

    def gaussian(self, shape: Sequence[int], mean: float = 0.0, std: float = 1.0) -> np.ndarray:
        """Draw float32 from a normal distribution."""
        return _collect(shape, lambda count: ziggurat.normal(self.draws, count) * np.float32(std) + np.float32(mean))

    def bernoulli(self, shape: Sequence[int], p: float | np.float32) -> np.ndarray:
        """Draw bools, True with probability p, compared in the precision of p; p = 0 draws nothing."""
        if p == 0:
            return np.zeros(shape, bool)
        draws = self.draws(math.prod(shape)).reshape(shape)
        if isinstance(p, np.float32):
            return draws.astype(np.float32) <= p * np.float32(LARGEST_DRAW)
        return draws <= np.uint32(p * LARGEST_DRAW)

    def shuffle(self, items: MutableSequence) -> None:
        """Shuffle in place: Fisher-Yates from the back, each index from a draw in buckets of equal size, as boost."""
        for last in range(len(items) - 1, 0, -1):
            other = self._up_to(last)
            items[last], items[other] = items[other], items[last]

    def _up_to(self, largest: int) -> int:
        bucket = LARGEST_DRAW // (largest + 1) + (LARGEST_DRAW % (largest + 1) == largest)
        while (result := self.draw() // bucket) > largest:
            pass
        return result


def _collect(shape: Sequence[int], draw_samples: Callable[[int], np.ndarray]) -> np.ndarray:
    """Fill an array; `draw_samples(n)` makes at most n samples from at least n draws, so no draw is wasted."""
    values = np.empty(math.prod(shape), np.float32)
    done = 0
    while done < values.size:
        samples = draw_samples(min(values.size - done, CHUNK))
        values[done : done + samples.size] = samples
        done += samples.size
    return values.reshape(shape)
