"""Results come in order, whoever made them, and a part that fails is heard of."""

import os

import pytest

from fcn_repro.system import parallel_map as module
from fcn_repro.system.parallel_map import parallel_map


def square(number: int) -> tuple[int, int]:
    if number == 13:
        raise ValueError("thirteen")
    return number * number, os.getpid()


@pytest.mark.parametrize(("worth", "processes"), [(4, True), (1000, False)])
def test_parts_come_in_order_from_one_process_or_several(monkeypatch, worth, processes):
    monkeypatch.setattr(module, "WORTH", worth)
    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    made = list(parallel_map(square, 10))
    assert [value for value, _ in made] == [n * n for n in range(10)]
    assert (os.getpid() not in {process for _, process in made}) is processes


@pytest.mark.parametrize("worth", [4, 1000])
def test_what_a_part_raises_is_raised(monkeypatch, worth):
    monkeypatch.setattr(module, "WORTH", worth)
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    with pytest.raises(ValueError, match="thirteen"):
        list(parallel_map(square, 20))
