import os

import pytest

from fcn_repro.system import parallel_map as module
from fcn_repro.system.parallel_map import parallel_map


def square(number: int) -> tuple[int, int]:
    if number == 13:
        raise ValueError("thirteen")
    return number * number, os.getpid()


@pytest.mark.parametrize(("min_parts", "in_processes"), [(4, True), (1000, False)])
def test_results_come_in_order_and_exceptions_are_raised(monkeypatch, min_parts, in_processes):
    monkeypatch.setattr(module, "MIN_PARTS", min_parts)
    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    results = list(parallel_map(square, 10))
    assert [value for value, _ in results] == [n * n for n in range(10)]
    assert (os.getpid() not in {process for _, process in results}) is in_processes
    with pytest.raises(ValueError, match="thirteen"):
        list(parallel_map(square, 20))
