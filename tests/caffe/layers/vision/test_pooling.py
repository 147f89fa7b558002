import numpy as np
import pytest

from fcn_repro.caffe import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from tests.fixtures.layers.one_layer import OneLayer

FLT_MAX = np.finfo(np.float32).max


def pooled(x, param: str, tops: int = 1) -> OneLayer:
    built = OneLayer("Pooling", [np.float32(x).reshape(1, 1, *np.shape(x))], f"pooling_param {{ {param} }}", tops)
    built.forward()
    return built


def pool_in_loops(x: np.ndarray, k: int, s: int, p: int, average: bool) -> np.ndarray:
    """Caffe's loops: sizes are rounded up; a last window in the padding is dropped only if there is padding."""
    sizes = [int(np.ceil((n + 2 * p - k) / s)) + 1 for n in x.shape]
    if p:
        sizes = [o - 1 if (o - 1) * s >= n + p else o for o, n in zip(sizes, x.shape, strict=True)]
    y = np.zeros(sizes)
    for i, j in np.ndindex(*sizes):
        rows = max(i * s - p, 0), min(i * s - p + k, x.shape[0])
        columns = max(j * s - p, 0), min(j * s - p + k, x.shape[1])
        window = x[rows[0] : rows[1], columns[0] : columns[1]]
        area = (min(i * s - p + k, x.shape[0] + p) - i * s + p) * (min(j * s - p + k, x.shape[1] + p) - j * s + p)
        y[i, j] = window.sum() / area if average else window.max()
    return y


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize(("k", "s", "p"), [(2, 2, 0), (3, 2, 0), (3, 2, 1), (3, 3, 2), (5, 1, 4), (4, 3, 1), (2, 1, 1)])
@pytest.mark.parametrize("size", [(5, 7), (6, 6), (11, 4)])
def test_equals_caffes_loops(size, k, s, p, average):
    x = np.random.RandomState(0).standard_normal(size)
    built = pooled(x, f"pool: {'AVE' if average else 'MAX'} kernel_size: {k} stride: {s} pad: {p}")
    assert built.top[0].data[0, 0] == pytest.approx(pool_in_loops(np.float32(x), k, s, p, average), rel=1e-5, abs=1e-6)


def test_the_mask_holds_the_position_of_the_first_maximum():
    x = [[1, 2, 5, 2, 3], [9, 4, 1, 4, 8], [1, 2, 5, 2, 3]]
    built = pooled(x, "kernel_size: 2", tops=2)
    assert built.top[0].data[0, 0].tolist() == [[9, 5, 5, 8], [9, 5, 5, 8]]
    assert built.top[1].data[0, 0].tolist() == [[5, 2, 2, 9], [5, 12, 12, 9]]


def test_an_empty_window_gives_the_least_float_and_position_minus_1():
    built = pooled(np.ones((5, 5)), "kernel_size: 1 stride: 3", tops=2)
    assert built.top[0].data[0, 0].tolist() == [[1, 1, -FLT_MAX]] * 2 + [[-FLT_MAX] * 3]
    assert built.top[1].data[0, 0, 2].tolist() == [-1, -1, -1]


def test_the_first_of_equal_maxima_gets_the_gradient():
    built = pooled(np.ones((2, 2)), "kernel_size: 2")
    assert built.backward(3.0)[0, 0].tolist() == [[3, 0], [0, 0]]


def test_in_phase_test_the_backward_pass_recomputes_the_winners():
    x = np.random.RandomState(0).standard_normal((1, 2, 5, 6)).round(1)
    diffs = []
    for phase in (caffe_pb2.TRAIN, caffe_pb2.TEST):
        built = OneLayer("Pooling", [x], "pooling_param { kernel_size: 3 stride: 2 pad: 1 }", phase=phase)
        dy = np.arange(built.forward().size).reshape(built.top[0].dims)
        assert (built.layer._winner is None) == (phase == caffe_pb2.TEST)
        diffs.append(built.backward(dy))
    assert diffs[0].any() and np.array_equal(*diffs)


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ("", "give kernel_size, or kernel_h and kernel_w"),
        ("kernel_size: 2 pad: 2", "must be smaller than its kernel"),
        ("kernel_size: 2 kernel_h: 2 kernel_w: 2", "keep one form"),
        ("kernel_size: 2 global_pooling: true", "it takes no kernel"),
        ("pool: STOCHASTIC kernel_size: 2", "Pooling STOCHASTIC, unsupported here: Caffe computes it on a GPU only"),
    ],
)
def test_refuses_invalid_windows(param, message):
    with pytest.raises(CaffeError, match=message):
        pooled(np.zeros((5, 5)), param)
