"""How much memory a process may have on this machine, so that what can never fit is refused before it is taken.

An operating system promises memory freely, and kills whoever then uses more than there is. So the engine asks here
before a net takes what its prototxt declares, and a picture is cut into tiles where the whole would not fit.

MEMORY_GB (environment)   bytes of memory to count on, in units of 10^9, in place of what was found; `inf` for no bound
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import sys
from pathlib import Path
from typing import Iterable, Iterator, Mapping

from fcn_repro.system.untrusted_files import read_text

GB = 10**9
VALUE_BYTES = 4  # of a blob's element, a float32
PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
# Of the two versions: where it is mounted, its limit, what is used of it, and what of that can be had back.
UNIFIED = ("", "memory.max", "memory.current", "inactive_file")
LEGACY = ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def total_bytes() -> float:
    """Bytes of memory and swap that a process can have here; inf where that is not known.

    Raises   ValueError for a MEMORY_GB that is no number above 0
    """
    given = _given()
    return given if given is not None else _most(_machine(), _groups())


def available_bytes() -> float:
    """Bytes that this process can have: those it has, and those that are free now or would be for the asking."""
    given = _given()
    if given is not None:
        return given
    machine, groups = _machine(), list(_groups())  # once: a pass of FCN-8s asks some 17 times
    free = _bytes(machine, "MemAvailable", "SwapFree")
    if free is None:
        return _most(machine, groups)
    return min([_most(machine, groups), resident_bytes() + min([free, *(limit - used for limit, used in groups)])])


def resident_bytes() -> float:
    """Bytes that this process holds in memory now; 0 where that is not known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return float(read_text(PROC / "self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0.0


def peak_bytes() -> int:
    """The most bytes that this process has held in memory at once.

    Not `ru_maxrss` where Linux tells better: that begins with what the process was that started this one.
    """
    with contextlib.suppress(OSError, StopIteration):
        lines = read_text(PROC / "self/status").splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
    most_held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most_held if sys.platform == "darwin" else 1024 * most_held


def limit_bytes(count: int) -> None:
    """Let this process have no more than so many bytes of data: asking for more then fails, and nobody is killed."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (count if hard == resource.RLIM_INFINITY else min(count, hard), hard))


def format_bytes(count: float) -> str:
    """A number of bytes for people: 8.6 GB, 12.3 MB."""
    return f"{count / GB:.1f} GB" if count >= GB / 10 else f"{count / 1e6:.1f} MB"


def _given() -> float | None:
    text = os.environ.get("MEMORY_GB", "")
    if not text:
        return None
    try:
        given = float(text) * GB
    except ValueError:
        given = math.nan
    if not given > 0:
        raise ValueError(f"MEMORY_GB is {text!r}; expected GB of memory to count on, as 64, or inf for no bound")
    return given


def _most(machine: Mapping[str, int], groups: Iterable[tuple[float, float]]) -> float:
    found = _bytes(machine, "MemTotal", "SwapTotal") or _pages() or math.inf
    return min([found, *(limit for limit, _ in groups)])


def _machine() -> Mapping[str, int]:
    """What the kernel tells of the whole machine's memory, in KiB by name; nothing where it does not."""
    with contextlib.suppress(OSError, ValueError):
        return _table(read_text(PROC / "meminfo"))
    return {}


def _bytes(machine: Mapping[str, int], *names: str) -> float | None:
    return sum(machine[name] for name in names) * 1024.0 if all(name in machine for name in names) else None


def _pages() -> float | None:
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _groups() -> Iterator[tuple[float, float]]:
    """Limit and use, in bytes, of every control group that this process is in and that has a limit: of a container."""
    with contextlib.suppress(OSError, ValueError):
        for line in read_text(PROC / "self/cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or "memory" in controllers.split(","):
                yield from _along(Path(path), *(LEGACY if controllers else UNIFIED))


def _along(path: Path, mount: str, limit: str, usage: str, reclaimable: str) -> Iterator[tuple[float, float]]:
    for place in (path, *path.parents):
        folder = CGROUPS / mount / str(place).lstrip("/")
        with contextlib.suppress(OSError, ValueError):
            most_here = float(read_text(folder / limit))  # or "max", which is no number
            had_back = _table(read_text(folder / "memory.stat")).get(reclaimable, 0)
            yield most_here, float(read_text(folder / usage)) - had_back


def _table(text: str) -> Mapping[str, int]:
    """Lines of a name and a number."""
    pairs = (line.split()[:2] for line in text.splitlines())
    return {name.rstrip(":"): int(number) for name, number in pairs}
