"""Freed memory stays with the process until fragmentation is too large, or a request could exceed the limit."""

import os
import subprocess
import sys

import pytest

from fcn_repro.caffe.kernels import malloc

PROGRAM = """
import torch
from fcn_repro.caffe.kernels import malloc
from fcn_repro.system.memory import resident_bytes

malloc.keep_freed_memory()

def trimmed_after(count, trim):
    '''Bytes returned to the kernel after `count` blocks of 40 MB, of which the last stays.'''
    full = [torch.ones(10_000_000 + 1000 * i) for i in range(count)]
    last, before = full[-1], resident_bytes()
    del full
    kept = resident_bytes()
    assert before - kept < 50e6, (before, kept)
    trim()
    assert (last == 1).all()
    return kept - resident_bytes() > 250e6
"""
needs_mallinfo2 = pytest.mark.skipif(not hasattr(malloc._libc(), "mallinfo2"), reason="no glibc of 2.33 or later")
needs_trim = pytest.mark.skipif(not hasattr(malloc._libc(), "malloc_trim"), reason="no glibc")


def run(code: str, **environment: str) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM + code], check=True, env={**os.environ, **environment})


@needs_mallinfo2
@pytest.mark.parametrize(
    ("least", "passes", "trims"),
    [
        (10_000_000_000, [10], [False]),  # less than MIN_FRAGMENTATION is kept
        # What a pass leaves that began after a trim is what it needs, and is kept for the next.
        (100_000_000, [10, 10, 10, 8, 20, 20, 10], [True, False, False, False, True, False, False]),
    ],
)
def test_fragmentation_beyond_what_a_pass_needs_is_trimmed(least, passes, trims):
    run(f"""
malloc.MIN_FRAGMENTATION = {least}
found = [trimmed_after(count, malloc.trim_fragmentation) for count in {passes}]
assert found == {trims}, found
""")


@needs_trim
@pytest.mark.parametrize("needed, trims", [(1_800_000_000, True), (1_000_000_000, False)])
def test_free_memory_is_trimmed_when_a_request_could_exceed_the_limit(needed, trims):
    run(f"assert trimmed_after(10, lambda: malloc.ensure_available({needed})) == {trims}", MEMORY_GB="2")


def test_small_requests_are_not_checked(monkeypatch):
    monkeypatch.setattr(malloc.memory, "available_bytes", lambda: pytest.fail("checked"))
    assert malloc.ensure_available(malloc.MIN_NEEDED - 1)
