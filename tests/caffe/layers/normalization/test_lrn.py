"""LRN across channels against an explicit sum; windows may be wider than the number of channels."""

import numpy as np
import pytest

from tests.fixtures.layers.one_layer import OneLayer

X = np.random.default_rng(0).normal(0, 1, (2, 5, 3, 2)).astype(np.float32)


@pytest.mark.parametrize("local_size", [1, 3, 9, 11, 2_000_000_001])
def test_divides_by_the_neighbouring_channels(local_size):
    half, channels = local_size // 2, X.shape[1]
    sums = np.stack([(X[:, max(0, c - half) : c + half + 1] ** 2).sum(1) for c in range(channels)], 1)
    expected = X / (1.5 + 2 / local_size * sums) ** 0.75
    built = OneLayer("LRN", [X], f"lrn_param {{ local_size: {local_size} alpha: 2 beta: 0.75 k: 1.5 }}")
    np.testing.assert_allclose(built.forward(), expected, rtol=1e-5)
