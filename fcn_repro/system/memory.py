"""Memory that this process may use, so that jobs which cannot fit are refused before they allocate.

Operating systems promise memory freely, and kill a process that uses more than exists. The engine asks here before a
net allocates what its prototxt declares, and images that do not fit are cut into tiles.

MEMORY_GB (environment)   memory to count on, in GB (10^9 bytes), instead of what is found; `inf` for no limit

psutil reports the machine and this process. The walk over control groups is kept by hand, because psutil ignores the
limits of containers.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Iterator, Mapping

import psutil

from fcn_repro.system.untrusted_files import read_text

GB, MB = 10**9, 10**6
VALUE_BYTES = 4  # of a blob's element, a float32
PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
# Mount point, limit, usage, and the reclaimable part of the usage, in the two versions of control groups.
UNIFIED = ("", "memory.max", "memory.current", "inactive_file")
LEGACY = ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def total_bytes() -> float:
    """Return the memory and swap that a process can have here.

    Raises   ValueError if MEMORY_GB is not a number above 0
    """
    given = _read_memory_gb()
    return _total([limit for limit, _ in _groups()]) if given is None else given


def available_bytes() -> float:
    """Return what this process can have: what it holds now, and what is free or reclaimable."""
    given = _read_memory_gb()
    if given is not None:
        return given
    groups = list(_groups())  # read once: a pass of FCN-8s asks 17 times
    free = psutil.virtual_memory().available + psutil.swap_memory().free
    unused = min([free, *(limit - used for limit, used in groups)])
    return min(_total([limit for limit, _ in groups]), resident_bytes() + unused)


def resident_bytes() -> float:
    """Return the bytes that this process holds in memory now."""
    return float(psutil.Process().memory_info().rss)


def peak_bytes() -> int:
    """Return the most bytes that this process has held in memory at once.

    Linux's own count is used rather than `ru_maxrss`, which a process inherits from its parent.
    """
    with contextlib.suppress(OSError, StopIteration):
        lines = read_text(PROC / "self/status").splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
    with contextlib.suppress(ImportError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    return getattr(psutil.Process().memory_info(), "peak_wset")  # noqa: B009  Windows


def limit_bytes(count: int) -> None:
    """Limit the data of this process: larger allocations then raise MemoryError, and nothing is killed. POSIX only."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (count if hard == resource.RLIM_INFINITY else min(count, hard), hard))


def format_bytes(count: float, digits: int = 1) -> str:
    """Format bytes in decimal units, from 0.1 GB on in GB: 8.6 GB, 12.3 MB."""
    value, unit = (count / GB, "GB") if count >= GB / 10 else (count / MB, "MB")
    return f"{value:.{digits}f} {unit}"


def _read_memory_gb() -> float | None:
    text = os.environ.get("MEMORY_GB", "")
    if not text:
        return None
    with contextlib.suppress(ValueError):
        if float(text) > 0:
            return float(text) * GB
    raise ValueError(f"MEMORY_GB: got {text!r}, expected a number of GB above 0, such as 64, or inf for no limit")


def _total(limits: list[float]) -> float:
    return min([float(psutil.virtual_memory().total + psutil.swap_memory().total), *limits])


def _groups() -> Iterator[tuple[float, float]]:
    """Yield limit and usage, in bytes, of every control group around this process that has a limit."""
    with contextlib.suppress(OSError, ValueError):
        for line in read_text(PROC / "self/cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or "memory" in controllers.split(","):
                yield from _walk_up(Path(path), *(LEGACY if controllers else UNIFIED))


def _walk_up(path: Path, mount: str, limit: str, usage: str, reclaimable: str) -> Iterator[tuple[float, float]]:
    for place in (path, *path.parents):
        folder = CGROUPS / mount / str(place).lstrip("/")
        with contextlib.suppress(OSError, ValueError):
            limit_here = float(read_text(folder / limit))  # "max" without a limit: ValueError
            freed = _parse_table(read_text(folder / "memory.stat")).get(reclaimable, 0)
            yield limit_here, float(read_text(folder / usage)) - freed


def _parse_table(text: str) -> Mapping[str, int]:
    pairs = (line.split()[:2] for line in text.splitlines())
    return {name: int(number) for name, number in pairs}
