import time

import numpy as np
import pytest

from fcn_repro.analysis.cost import timing
from fcn_repro.engine import caffe
from tests.fixtures.small_net import TRAINABLE, write


@pytest.fixture
def net(tmp_path):
    return caffe.Net(str(write(tmp_path, TRAINABLE)), caffe.TRAIN)


def test_a_call_is_timed_to_less_than_a_millisecond():
    short, long = (timing.measure_call(time.sleep, seconds) for seconds in (0.0002, 0.02))
    assert 0.0002 <= short < long
    assert 0.02 <= long < 0.2


def test_each_layer_is_run_once_each_way_in_a_pass(net):
    run = {way: [] for way in ("forward", "backward")}
    net.before_forward(run["forward"].append)
    net.before_backward(run["backward"].append)
    spent = timing.measure_layers(net)
    assert spent.shape == (len(net.layers), 2) and (spent >= 0).all()
    assert run == {"forward": [0, 1, 2, 3], "backward": [3, 2, 1, 0]}


def test_without_training_nothing_runs_backward(net):
    net.before_backward(lambda layer: pytest.fail("ran backward"))
    assert not timing.measure_layers(net, trains=False)[:, 1].any()


def test_the_gradients_of_a_pass_replace_those_before(net):
    timing.measure_forward(net)
    timing.measure_backward(net)
    once = np.array(net.params["ip"][0].diff)
    timing.measure_backward(net)
    np.testing.assert_array_equal(net.params["ip"][0].diff, once)
    assert once.any()
