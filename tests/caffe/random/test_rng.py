import math

import numpy as np
import pytest
import torch

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.random import rng
from fcn_repro.caffe.random.host_generator import CHUNK, HostGenerator

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _seed():
    rng.set_random_seed(1701)


def test_draws_equal_the_reference_twisters():
    assert HostGenerator(5489).draws(10000)[-1] == 4123659995  # the C++ standard's value for mt19937


def test_values_are_real_caffes():
    expected = np.float32([-0.731700301, 0.556217432, -0.653866887, 1.42004037])
    assert (rng.host().uniform([4], -1, 2) == expected).all()
    rng.set_random_seed(1701)
    expected = np.float32([0.781468153, -2.34388041, 0.590447545, -0.0542962551, -1.58692884, 2.1458087])
    assert (rng.host().gaussian([6], 1, 2) == expected).all()


@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
def test_any_split_over_calls_gives_the_same_numbers(kind):
    whole, pieces = HostGenerator(3), HostGenerator(3)
    count = CHUNK + 4321
    together = getattr(whole, kind)([count])
    apart = np.concatenate([getattr(pieces, kind)([n]) for n in (1, 77, CHUNK - 78, 4321)])
    assert (together == apart).all()
    assert whole.draw() == pieces.draw()


def test_gaussian_has_the_moments_and_the_tail_of_a_normal():
    values = rng.host().gaussian([2_000_000]).astype(np.float64)
    assert values.mean() == pytest.approx(0, abs=0.003)
    assert values.var() == pytest.approx(1, abs=0.005)
    assert (values**4).mean() == pytest.approx(3, abs=0.05)
    beyond = (np.abs(values) > 3.4426198558966521).mean()  # where the ziggurat's tail starts
    assert beyond == pytest.approx(math.erfc(3.4426198558966521 / math.sqrt(2)), rel=0.1)


def test_bernoulli_has_its_probability_and_takes_one_draw_each():
    mask = rng.bernoulli((1000, 100), 0.3, CPU)
    assert mask.dtype == torch.bool
    assert mask.float().mean() == pytest.approx(0.3, abs=0.01)
    skipped = HostGenerator(1701)
    skipped.draws(100_000)
    assert rng.host().draw() == skipped.draw()


def test_bernoulli_of_probability_zero_draws_nothing():
    assert not rng.bernoulli((5,), 0.0, CPU).any()
    assert rng.host().draw() == HostGenerator(1701).draw()


def test_shuffle_is_a_permutation_and_repeats_with_the_seed():
    first, second = list(range(100)), list(range(100))
    HostGenerator(9).shuffle(first)
    HostGenerator(9).shuffle(second)
    assert first == second != list(range(100))
    assert sorted(first) == list(range(100))


def test_resumes_from_a_stored_state():
    rng.host().draws(1000)
    state = rng.random_state()
    expected = rng.host().gaussian([50])
    rng.set_random_seed(4)
    rng.set_random_state(state)
    assert (rng.host().gaussian([50]) == expected).all()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_refuses_a_seed_beyond_32_bits(seed):
    with pytest.raises(CaffeError, match=f"random seed {seed}"):
        rng.set_random_seed(seed)
