"""The edge of the density, which decides whether a sample counts, by the C library's own float functions."""

import ctypes
import ctypes.util

import numpy as np
import pytest

from fcn_repro.caffe.random import ziggurat
from fcn_repro.caffe.random.ziggurat import EXPONENTIAL, NORMAL

LIBM = ctypes.util.find_library("m")
# Layer, place and draw where a square in double accepts what boost rejects: CaffeNet's fc6, seed 3, value 33,520,687.
CAFFENET = np.uint8(30), np.float32(2.0461824), np.uint32(3693890730)


def test_the_square_is_rounded_before_the_density():
    layer, place, u = CAFFENET
    assert not NORMAL.under_curve(layer, place, u)
    height = NORMAL.y[layer] + ziggurat.unit(u) * NORMAL.rise[layer]
    assert height < np.float32(np.exp(-(float(place) ** 2) / 2))


@pytest.mark.skipif(LIBM is None, reason="needs the C library's expf")
@pytest.mark.parametrize(("kind", "last"), [(NORMAL, 127), (EXPONENTIAL, 255)])
def test_samples_at_the_edge_are_decided_as_in_c(kind, last):
    expf = ctypes.CDLL(LIBM).expf
    expf.argtypes, expf.restype = [ctypes.c_float], ctypes.c_float
    random = np.random.RandomState(0)
    layers = random.randint(1, last, 20_000)
    width = kind.x[layers] - kind.x[layers + 1]
    places = np.float32(kind.x[layers + 1] + random.rand(layers.size) * width)
    exponents = -(places * places) / np.float32(2) if kind is NORMAL else -places
    density = np.array([expf(exponent) for exponent in exponents], np.float32)
    beside = random.randint(-3, 4, layers.size) * np.spacing(density)
    edge = (density.astype(float) + beside - kind.y[layers]) / kind.rise[layers] * 2**32
    draws = np.uint32(np.clip(edge, 0, 2**32 - 1))
    heights = kind.y[layers] + ziggurat.unit(draws) * kind.rise[layers]
    decided = heights < density
    assert 0.2 < decided.mean() < 0.8, "the draws must lie on both sides of the edge"
    found = kind.under_curve(layers, places, draws)
    # expf errs by 0.502 units at most, so it may round another way where the exact value lies between two floats.
    assert (found != decided).sum() <= 20
    assert all(abs(density[i] - heights[i]) <= np.spacing(density[i]) for i in np.flatnonzero(found != decided))
