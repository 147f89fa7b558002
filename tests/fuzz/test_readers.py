"""Readers accept their seeds, and accept or refuse mutated seeds and earlier findings with an error of this project."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, run, seeds

pytestmark = pytest.mark.filterwarnings("ignore")  # of Pillow, over damaged tags

FOUND = Path(__file__).with_name("found")  # TARGET-*: inputs that once broke a reader


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_are_taken(target, tmp_path):
    assert all(run(target, seed, tmp_path) for seed in seeds(target))


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_seeds_are_taken_or_refused_in_words(target, tmp_path, data):
    content = bytearray(data.draw(st.sampled_from(seeds(target))))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = min(start + data.draw(st.integers(0, 8)), len(content))
        content[start:end] = data.draw(st.binary(max_size=8))
    run(target, bytes(content), tmp_path)


@pytest.mark.parametrize("path", sorted(FOUND.glob("*")), ids=lambda path: path.name)
def test_what_was_found_stays_mended(path, tmp_path):
    run(path.name.partition("-")[0], path.read_bytes(), tmp_path)
