"""rand() of the C library, the source of std::random_shuffle.

HDF5Data shuffles with it, so Caffe's seed does not affect the order of its rows: the process-wide sequence starts at
seed 1, and every shuffle in the process continues it.

Source   glibc random_r.c (TYPE_3, additive feedback over 31 words); libstdc++ stl_algo.h (random_shuffle)
"""

import itertools
from collections import deque
from collections.abc import Iterator, MutableSequence

_LENGTH, _NEAR, _DISCARDED = 31, 3, 310


def c_rand(seed: int = 1) -> Iterator[int]:
    """Yield the outputs of rand() after srand(seed), 31 bits each."""
    words = [seed]
    for _ in range(_LENGTH - 1):
        words.append(16807 * words[-1] % (2**31 - 1))
    window = deque(words[_NEAR:] + words[:_NEAR], maxlen=_LENGTH)
    for count in itertools.count():
        window.append((window[0] + window[_LENGTH - _NEAR]) % 2**32)
        if count >= _DISCARDED:
            yield window[-1] >> 1


_process = c_rand()


def random_shuffle(items: MutableSequence) -> None:
    """Shuffle in place: swap each item with itself or an earlier one."""
    for place in range(1, len(items)):
        other = next(_process) % (place + 1)
        items[place], items[other] = items[other], items[place]
