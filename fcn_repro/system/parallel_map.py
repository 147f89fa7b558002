"""Work that falls into many equal parts, done by all cores at once."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Callable, Iterator, TypeVar

Made = TypeVar("Made")

CHUNK = 50  # parts that a process takes at a time
WORTH = 400  # parts per process below which starting one costs more than it saves


def parallel_map(work: Callable[[int], Made], count: int) -> Iterator[Made]:
    """work(0) ... work(count - 1), in this order.

    `work` must be picklable: a function of a module, or a partial of one. Processes are begun afresh, not forked, since
    libraries that are loaded here have threads. What a part raises is raised here.
    """
    processes = min(os.cpu_count() or 1, count // WORTH)
    if processes < 2:
        yield from map(work, range(count))
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as executor:
        yield from executor.map(work, range(count), chunksize=CHUNK)
