"""Data-parallel bookkeeping: how many solvers train together and which of them this is; one setting per thread.

A solver seeds with random_seed + rank, so that each draws other dropout masks; rank 0, the root, alone tests, displays
and snapshots; Data and HDF5Data layers that train read every count-th record. What solvers tell each other goes by
`fcn_repro.caffe.solver.nccl`.

Source   caffe 9b89154 common.hpp (solver_count, solver_rank, multiprocess), data_layer.cpp, hdf5_data_layer.cpp (Skip)
"""

from __future__ import annotations

import threading


class _Setting(threading.local):
    count = 1
    rank = 0
    multiprocess = False


_setting = _Setting()


def solver_count() -> int:
    """How many solvers train together."""
    return _setting.count


def set_solver_count(count: int) -> None:
    """Say how many solvers train together."""
    _setting.count = count


def solver_rank() -> int:
    """Which of them this thread's is, from 0."""
    return _setting.rank


def set_solver_rank(rank: int) -> None:
    """Say which of them this thread's is, from 0."""
    _setting.rank = rank


def is_root_solver() -> bool:
    """Whether this thread's solver is the one that tests, displays and snapshots."""
    return _setting.rank == 0


def is_mine(place: int) -> bool:
    """Whether this thread's solver reads the record at that place, where the solvers take turns."""
    return place % _setting.count == _setting.rank % _setting.count


def multiprocess() -> bool:
    """Whether each solver has a process of its own."""
    return _setting.multiprocess


def set_multiprocess(multiprocess: bool) -> None:
    """Say whether each solver has a process of its own, without which Python layers cannot train in parallel."""
    _setting.multiprocess = bool(multiprocess)
