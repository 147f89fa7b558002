"""Work of many equal parts, shared by all cores."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Callable, Iterator, TypeVar

Result = TypeVar("Result")

CHUNK = 50  # parts that a process takes at a time
MIN_PARTS = 400  # parts per process; with fewer, starting a process costs more than it saves


def parallel_map(work: Callable[[int], Result], count: int) -> Iterator[Result]:
    """Yield work(0) ... work(count - 1), in this order; exceptions in `work` are raised here.

    `work` must be picklable: a module's function, or a partial of one. Processes are spawned, not forked, because
    loaded libraries have threads.
    """
    processes = min(os.cpu_count() or 1, count // MIN_PARTS)
    if processes < 2:
        yield from map(work, range(count))
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as executor:
        yield from executor.map(work, range(count), chunksize=CHUNK)
