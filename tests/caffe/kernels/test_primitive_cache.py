"""A large net limits oneDNN's cache of primitives, unless the user has chosen its capacity."""

import os
import subprocess
import sys

import pytest
import torch

from fcn_repro.caffe.kernels.primitive_cache import LARGE

PROGRAM = """
import os, torch
from fcn_repro.caffe.kernels import primitive_cache
primitive_cache.CAPACITY = 2  # a convolution and its reorder
before = dict(os.environ)
primitive_cache.limit_primitives({parameters})
assert dict(os.environ) == before
for _ in range(2):
    for size in 8, 9, 10:
        image, filters = torch.zeros(1, 1, size, size), torch.zeros(1, 1, 1, 1)
        torch.mkldnn_convolution(image, filters, None, [0, 0], [1, 1], [1, 1], 1)
"""
needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="a torch without oneDNN")


@needs_onednn
@pytest.mark.parametrize(
    "parameters, environment, made",
    [
        (LARGE, {}, 6 + 1),  # each size anew, and the one that lets oneDNN read the limit
        (LARGE - 1, {}, 3),
        (LARGE, {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "100"}, 3),
        (LARGE, {"DNNL_PRIMITIVE_CACHE_CAPACITY": "100"}, 3),
        (LARGE, {"PLAIN": "1"}, 3),
    ],
)
def test_primitives_of_other_sizes_are_dropped(parameters, environment, made):
    unset = {k: v for k, v in os.environ.items() if k not in ("PLAIN", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")}
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(parameters=parameters)], check=True, capture_output=True, text=True,
        env={**unset, **environment, "ONEDNN_VERBOSE": "2"},
    ).stdout  # fmt: skip
    misses = [line for line in output.splitlines() if "create:cache_miss" in line and ",convolution," in line]
    assert len(misses) == made
