import numpy as np
import pytest

from fcn_repro.caffe import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from tests.fixtures.layers.one_layer import OneLayer

X = np.float32(np.random.RandomState(0).normal(3, 2, (4, 3, 5, 2)))
MEAN, VARIANCE, COUNT = X.mean((0, 2, 3)), X.var((0, 2, 3)), X.size // 3


def test_normalises_each_channel_by_the_batch():
    y = OneLayer("BatchNorm", [X]).forward()
    expected = (X - MEAN[:, None, None]) / np.sqrt(VARIANCE[:, None, None] + 1e-5)
    assert y == pytest.approx(expected, abs=1e-5)
    assert y.mean((0, 2, 3)) == pytest.approx(0, abs=1e-5)
    assert y.var((0, 2, 3)) == pytest.approx(1, abs=1e-4)


def test_running_sums_decay_and_use_the_unbiased_variance():
    built = OneLayer("BatchNorm", [X], "batch_norm_param { moving_average_fraction: 0.9 }")
    built.forward()
    built.forward()
    means, variances, weight = (blob.data for blob in built.layer.blobs)
    assert weight == pytest.approx(1 + 0.9)
    assert means == pytest.approx(1.9 * MEAN, rel=1e-5)
    assert variances == pytest.approx(1.9 * VARIANCE * COUNT / (COUNT - 1), rel=1e-5)


def test_the_variance_of_one_sample_per_channel_stays_0():
    built = OneLayer("BatchNorm", [X[:1, :, 0, 0]])
    built.forward()
    assert built.layer.blobs[1].data == pytest.approx(0)


def test_test_phase_divides_the_sums_by_their_weight():
    built = OneLayer("BatchNorm", [X], phase=caffe_pb2.TEST)
    for blob, values in zip(built.layer.blobs, (4 * MEAN, 4 * VARIANCE, [4]), strict=True):
        blob.data[...] = values
    expected = (X - MEAN[:, None, None]) / np.sqrt(VARIANCE[:, None, None] + 1e-5)
    assert built.forward() == pytest.approx(expected, abs=1e-5)
    assert built.layer.blobs[2].data == 4


def test_untrained_statistics_are_0():
    built = OneLayer("BatchNorm", [X], phase=caffe_pb2.TEST)
    assert built.forward() == pytest.approx(X / np.sqrt(np.float32(1e-5)), rel=1e-5)


def test_the_gradient_with_running_statistics_is_a_division():
    built = OneLayer("BatchNorm", [X], "batch_norm_param { use_global_stats: true }")
    built.forward()
    assert built.backward(2.0) == pytest.approx(2 / np.sqrt(1e-5), rel=1e-5)


def test_solvers_do_not_update_its_statistics():
    assert [spec.lr_mult for spec in OneLayer("BatchNorm", [X]).layer.param.param] == [0, 0, 0]
    with pytest.raises(CaffeError, match="got lr_mult 1.0 for blob 0; expected 0 for a running statistic"):
        OneLayer("BatchNorm", [X], "param { lr_mult: 1 }")
