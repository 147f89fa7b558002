import numpy as np
import pytest

from fcn_repro.caffe.random import rng
from tests.fixtures.layers.one_layer import OneLayer

X = np.float32(np.random.RandomState(0).standard_normal((6, 2, 3)))
PARAM = 'recurrent_param { num_output: 4 weight_filler { type: "uniform" min: -0.5 max: 0.5 } }'


def built(type_: str, x: np.ndarray, cont: np.ndarray) -> OneLayer:
    rng.set_random_seed(1)
    return OneLayer(type_, [x, np.float32(cont)], PARAM)


@pytest.mark.parametrize("type_", ["LSTM", "RNN"])
def test_continues_a_sequence_in_the_next_batch(type_):
    whole = built(type_, X, np.ones((6, 2))).forward()
    layer = built(type_, X[:3], np.ones((3, 2)))
    first = layer.forward()
    layer.bottom[0].data[...] = X[3:]
    assert np.concatenate([first, layer.forward()]) == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("type_", ["LSTM", "RNN"])
def test_resets_the_state_where_a_sequence_begins(type_):
    cont = np.ones((6, 2))
    cont[3] = 0
    y = built(type_, X, cont).forward()
    assert y[3:] == pytest.approx(built(type_, X[3:], np.ones((3, 2))).forward(), abs=1e-6)
