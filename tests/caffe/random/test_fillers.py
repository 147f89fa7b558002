import numpy as np
import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.random import fillers, rng
from fcn_repro.system import memory

BOX = (2, 3, 2, 2)


def fill(shape, **param):
    rng.set_random_seed(1701)
    return fillers.fill(caffe_pb2.FillerParameter(**param), shape).numpy()


def test_fills_with_zeros_by_default():
    assert (fill((4, 2)) == 0).all()
    assert (fill((4, 2), type="constant", value=3) == 3).all()


def test_large_zeros_take_memory_only_after_a_write():
    before = memory.resident_bytes()
    values = fillers.fill(caffe_pb2.FillerParameter(), (64, 1 << 20))  # 256 MB
    assert memory.resident_bytes() - before < 1 << 26
    values[1] += 3
    assert float(values[:3].sum()) == 3 << 20


# Values of real Caffe (BVLC master 9b89154, CPU) with random seed 1701.
@pytest.mark.parametrize(
    ("param", "expected"),
    [
        ({"type": "xavier"}, [-0.410566777, 0.0187391043, -0.384622306]),
        ({"type": "xavier", "variance_norm": "FAN_OUT"}, [-0.502839565, 0.0229507089, -0.47106421]),
        ({"type": "msra", "variance_norm": "AVERAGE"}, [-0.0488652065, -0.7477144, -0.091578722]),
    ],
)
def test_random_fillers_give_real_caffes_values(param, expected):
    assert (fill(BOX, **param).ravel()[:3] == np.float32(expected)).all()


def test_sparse_gaussian_keeps_that_many_inputs_per_output_by_real_caffes_mask():
    values = fill((100, 1000), type="gaussian", sparse=10)
    assert (values != 0).mean() == pytest.approx(10 / 100, abs=0.005)
    assert values[values != 0].std() == pytest.approx(1, abs=0.03)
    mask = fill((4, 3), type="gaussian", sparse=2).ravel() != 0
    assert mask.tolist() == [1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1, 1]


def test_rows_of_a_positive_unitball_have_sum_one():
    values = fill((5, 7, 3), type="positive_unitball")
    assert (values >= 0).all()
    assert values.reshape(5, -1).sum(1) == pytest.approx(np.ones(5))


def test_one_axis_counts_as_fan_out():
    scale = np.sqrt(np.float32(3) / np.float32(30))
    values = fill((30,), type="xavier", variance_norm="FAN_OUT")
    assert np.abs(values).max() <= scale
    assert np.abs(values).max() > 0.8 * scale


@pytest.mark.parametrize("width", range(1, 9))
def test_adjacent_bilinear_kernels_have_sum_one(width):
    """So upsampling by the kernel's factor keeps a constant map."""
    factor = (width + 1) // 2
    kernel = fill((1, 1, width, width), type="bilinear")[0, 0]
    along_one_axis = np.sqrt(np.diag(kernel))
    row = np.zeros(10 * factor + width)
    for start in range(0, 10 * factor, factor):
        row[start : start + width] += along_one_axis
    assert row[width : 9 * factor] == pytest.approx(1)


def test_bilinear_fills_every_pair_of_channels():
    values = fill((3, 2, 4, 4), type="bilinear")
    assert (values == values[0, 0]).all()
    assert values[0, 0] == pytest.approx(np.outer([0.25, 0.75, 0.75, 0.25], [0.25, 0.75, 0.75, 0.25]))


@pytest.mark.parametrize(
    ("shape", "param", "message"),
    [
        (BOX, {"type": "orthogonal"}, "unknown filler type 'orthogonal'; known types: constant, uniform"),
        (BOX, {"type": "xavier", "sparse": 3}, "only gaussian may be sparse"),
        ((2, 0), {"type": "xavier"}, "got an empty blob"),
        (BOX, {"type": "uniform", "min": 2, "max": 1}, "min 2.0 above max 1.0"),
        (BOX, {"type": "gaussian", "std": 0}, "needs a positive std; got 0.0"),
        (BOX, {"type": "gaussian", "sparse": 3}, "expected 0 to axis 0"),
        ((2, 3, 4, 5), {"type": "bilinear"}, "a square kernel"),
        ((5, 5), {"type": "bilinear"}, "needs four axes"),
        ((), {"type": "xavier"}, "needs a blob with axis 0"),
    ],
)
def test_refuses_parameters_that_caffe_aborts_on(shape, param, message):
    with pytest.raises(CaffeError, match=message):
        fill(shape, **param)
