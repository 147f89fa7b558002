import logging

import numpy as np
import pytest

from fcn_repro import caffe
from tests.fixtures.small_net import small_net

NET = """
force_backward: true debug_info: true
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" param { name: "w" } param { lr_mult: 0 }
  inner_product_param { num_output: 2 weight_filler { type: "gaussian" } bias_filler { value: -0.5 } } }
"""


@pytest.fixture
def net(tmp_path, caplog) -> caffe.Net:
    caplog.set_level(logging.INFO, "caffe")
    net = small_net(tmp_path, NET, caffe.TEST)
    caplog.clear()
    return net


def values(caplog, prefix: str) -> list[float]:
    return [float(record.getMessage().rpartition(": ")[2]) for record in caplog.records if prefix in record.message]


def test_debug_info_logs_mean_magnitudes_after_each_layer(net, caplog):
    net.blobs["x"].data[...] = np.arange(6).reshape(2, 3) - 3
    net.forward()
    arrays = [net.blobs["x"].data, net.blobs["y"].data, *(blob.data for blob in net.params["ip"])]
    assert values(caplog, "[Forward]") == pytest.approx([np.abs(array).mean() for array in arrays], rel=1e-5)
    assert [record.message.rpartition(":")[0].strip() for record in caplog.records] == [
        "[Forward] Layer in, top blob x data",
        "[Forward] Layer ip, top blob y data",
        "[Forward] Layer ip, param blob w data",
        "[Forward] Layer ip, param blob 1 data",
    ]
    caplog.clear()
    net.blobs["y"].diff[...] = 3
    net.backward()
    arrays = [net.blobs["x"].diff, *(blob.diff for blob in net.params["ip"])]
    assert values(caplog, "[Backward]") == pytest.approx([np.abs(array).mean() for array in arrays], rel=1e-5)


def test_without_debug_info_passes_log_nothing(net, caplog):
    net.debug_info = False
    net.forward()
    net.backward()
    assert not caplog.records


def test_only_the_root_solver_logs(net, caplog):
    caffe.set_solver_rank(1)
    try:
        net.forward()
    finally:
        caffe.set_solver_rank(0)
    assert not caplog.records


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_debug_info_shows_the_first_layer_with_a_value_that_is_not_finite(net, caplog, value):
    net.params["ip"][0].data[0, 0] = value
    net.forward()
    shown = values(caplog, "top blob")
    assert np.isfinite(shown[0]) and not np.isfinite(shown[1])
