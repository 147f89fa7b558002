"""The waiting of compute threads: they spin on idle cores, and sleep soon where other programs need the cores.

At the end of every parallel operation OpenMP's threads wait for the last one. GNU's OpenMP lets them spin some 10 ms,
which is fastest on idle cores. Where another program holds a core, a spinning thread keeps that core from the thread it
waits for. GNU's OpenMP spins 100 turns only while it has more threads than cores. So on a busy machine an idle crowd of
threads waits beside the real ones; it ends when the machine is idle again. The same threads compute the same parts
either way, so results do not depend on the load.

OMP_WAIT_POLICY, GOMP_SPINCOUNT   of the user's own: nothing is adapted

Source   GNU libgomp manual, GOMP_SPINCOUNT
"""

import os
import sys
import threading
import time

import psutil
import torch

from fcn_repro.caffe import kernels

WINDOW = 0.25  # seconds between two looks at the load
BUSY, IDLE = 0.5, 0.25  # cores that other programs use beyond the free ones: more is busy, less is idle


class OtherPrograms:
    """The load of this process's cores by other programs."""

    def __init__(self) -> None:
        self._cores = sorted(os.sched_getaffinity(0))
        self._look()

    def _look(self) -> None:
        self.since = time.monotonic()
        self._own, self._all = time.process_time(), self._busy_seconds()

    def _busy_seconds(self) -> float:
        """Return the seconds that any program has used these cores."""
        each = psutil.cpu_times(percpu=True)
        times = [each[core] for core in self._cores if core < len(each)]
        return sum(sum(t[:8]) - t.idle - t.iowait for t in times)  # the fields after the eighth are counted twice

    def excess(self) -> float:
        """Return the cores that are missing since the last call: those in use by others, less those left over by us."""
        since, own, everyone = self.since, self._own, self._all
        self._look()
        seconds = self.since - since
        others = (self._all - everyone - (self._own - own)) / seconds
        return others - (len(self._cores) - torch.get_num_threads())


class Crowd:
    """Idle threads that make the number of OpenMP threads exceed the number of cores."""

    def __init__(self) -> None:
        self._end = threading.Event()
        ready = threading.Event()
        threads = torch.get_num_threads()
        members = len(os.sched_getaffinity(0)) - threads + 2  # one of them is the thread itself
        self._thread = threading.Thread(target=self._wait, args=(ready, max(2, members)), daemon=True)
        self._thread.start()
        ready.wait()
        torch.set_num_threads(threads)  # the setting is the process's

    def _wait(self, ready: threading.Event, members: int) -> None:
        torch.set_num_threads(members)
        torch.zeros(members << 16).add_(1)  # work for every member, which starts it
        ready.set()
        self._end.wait()

    def end(self) -> None:
        """End the threads."""
        self._end.set()
        self._thread.join()


class _Waiting:
    programs: OtherPrograms | None = None
    crowd: Crowd | None = None


_lock = threading.Lock()


def is_adapted() -> bool:
    """Whether waiting follows the load: on Linux, unless the user has chosen it or PLAIN=1 is set."""
    chosen_by_user = os.environ.get("OMP_WAIT_POLICY") or os.environ.get("GOMP_SPINCOUNT")
    return (
        sys.platform.startswith("linux") and kernels.is_enabled() and not chosen_by_user and torch.get_num_threads() > 1
    )


def adapt_to_load() -> None:
    """Before a pass: choose how threads wait, by what other programs did since the last choice. Takes some 0.1 ms."""
    programs = _Waiting.programs
    if programs is not None and time.monotonic() - programs.since < WINDOW or not is_adapted():
        return
    with _lock:
        if programs is None:
            _Waiting.programs = OtherPrograms()
            return
        excess = programs.excess()
        if excess > BUSY and _Waiting.crowd is None:
            _Waiting.crowd = Crowd()
        elif excess < IDLE and _Waiting.crowd is not None:
            _Waiting.crowd.end()
            _Waiting.crowd = None
