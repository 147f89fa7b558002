import threading

import pytest
import torch

from fcn_repro.caffe import mode
from fcn_repro.caffe.errors import CaffeError

GPUS = torch.cuda.device_count() if torch.cuda.is_available() else 0


@pytest.fixture(autouse=True)
def _back_to_the_cpu():
    yield
    mode.set_mode_cpu()


def test_computes_on_the_cpu_until_told_otherwise():
    assert mode.device() == torch.device("cpu")


@pytest.mark.parametrize("index", [-1, GPUS, 1000])
def test_refuses_a_device_that_is_not_there_and_says_what_to_do(index):
    with pytest.raises(CaffeError, match=f"GPU {index} was asked for, but torch .* sees {GPUS} CUDA .*run on the CPU"):
        mode.set_device(index)
    assert mode.device() == torch.device("cpu")


@pytest.mark.skipif(GPUS > 0, reason="needs a machine without a GPU")
def test_refuses_gpu_mode_without_a_gpu_and_goes_on_as_before():
    with pytest.raises(CaffeError, match="GPU 0 was asked for"):
        mode.set_mode_gpu()
    assert mode.device() == torch.device("cpu")


@pytest.mark.skipif(GPUS == 0, reason="needs a CUDA device")
def test_the_mode_is_each_threads_own_and_the_device_does_not_change_it():
    mode.set_device(0)
    assert mode.device() == torch.device("cpu")
    mode.set_mode_gpu()
    assert mode.device() == torch.device("cuda", 0)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(mode.device()))
    thread.start()
    thread.join()
    assert seen == [torch.device("cpu")]


@pytest.mark.skipif(GPUS == 0, reason="needs a CUDA device")
def test_gpu_mode_keeps_all_bits_of_the_mantissa():
    mode.set_mode_gpu()
    assert not torch.backends.cuda.matmul.allow_tf32 and not torch.backends.cudnn.allow_tf32
