"""Data-parallel bookkeeping: the number of solvers and this one's rank; one setting per thread.

A solver seeds with random_seed + rank, so that dropout masks differ. Only rank 0, the root, tests, displays and
snapshots. Data and HDF5Data layers of TRAIN nets read every count-th record. `solver/nccl.py` has the communication.

Source   caffe 9b89154 common.hpp (solver_count, solver_rank, multiprocess), data_layer.cpp, hdf5_data_layer.cpp (Skip)
"""

import threading


class _Setting(threading.local):
    count = 1
    rank = 0
    multiprocess = False


_setting = _Setting()


def solver_count() -> int:
    """Return the number of solvers that train together."""
    return _setting.count


def set_solver_count(count: int) -> None:
    """Set the number of solvers that train together."""
    _setting.count = count


def solver_rank() -> int:
    """Return the rank of this thread's solver, from 0."""
    return _setting.rank


def set_solver_rank(rank: int) -> None:
    """Set the rank of this thread's solver, from 0."""
    _setting.rank = rank


def is_root_solver() -> bool:
    """Return whether this thread's solver tests, displays and snapshots."""
    return _setting.rank == 0


def is_own_record(index: int) -> bool:
    """Return whether this thread's solver reads the record with that index."""
    return index % _setting.count == _setting.rank % _setting.count


def multiprocess() -> bool:
    """Return whether each solver has a separate process."""
    return _setting.multiprocess


def set_multiprocess(multiprocess: bool) -> None:
    """Set whether each solver has a separate process, which Python layers need for parallel training."""
    _setting.multiprocess = bool(multiprocess)
