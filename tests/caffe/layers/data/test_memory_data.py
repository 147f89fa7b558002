import numpy as np
import pytest

from fcn_repro.caffe import CaffeError
from tests.fixtures.layers.one_layer import OneLayer

PARAM = "memory_data_param { batch_size: 2 channels: 1 height: 1 width: 3 }"
DATA = np.arange(12, dtype=np.float32).reshape(4, 1, 1, 3)
LABELS = np.arange(4, dtype=np.float32)


def test_outputs_consecutive_batches_and_repeats():
    built = OneLayer("MemoryData", param=PARAM, tops=2)
    assert [blob.dims for blob in built.top] == [(2, 1, 1, 3), (2,)]
    built.layer.set_arrays(DATA, LABELS)
    assert [built.forward().ravel()[0] for _ in range(3)] == [0, 6, 0]
    assert built.top[1].dims == (2, 1, 1, 1)
    assert built.top[1].data.ravel().tolist() == [0, 1]


def test_refuses_forward_without_data():
    with pytest.raises(CaffeError, match="has no data. Fix: call net.set_input_arrays"):
        OneLayer("MemoryData", param=PARAM, tops=2).forward()


@pytest.mark.parametrize(
    ("data", "labels", "message"),
    [
        (DATA.astype(np.float64), LABELS, "C-contiguous float32 array with 4 axes, not float64"),
        (DATA[:, :, :, 0], LABELS, "with 4 axes"),
        (DATA[:3], LABELS[:3], "a multiple of 2"),
        (DATA, LABELS[:2], "n labels"),
        (np.zeros((4, 1, 3, 1), np.float32), LABELS, r"data \(n, 1, 1, 3\)"),
    ],
)
def test_refuses_arrays_of_other_types_and_shapes(data, labels, message):
    with pytest.raises(CaffeError, match=message):
        OneLayer("MemoryData", param=PARAM, tops=2).layer.set_arrays(data, labels)
