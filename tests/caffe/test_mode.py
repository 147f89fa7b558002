import threading

import pytest
import torch

from fcn_repro.caffe import mode
from fcn_repro.caffe.errors import CaffeError

GPUS = torch.cuda.device_count() if torch.cuda.is_available() else 0
needs_gpu = pytest.mark.skipif(GPUS == 0, reason="needs a CUDA device")


@pytest.fixture(autouse=True)
def cpu_mode():
    assert mode.device() == torch.device("cpu")
    yield
    mode.set_mode_cpu()


@pytest.mark.parametrize("index", [-1, GPUS, 1000])
def test_refuses_a_missing_device_with_a_fix(index):
    with pytest.raises(CaffeError, match=f"GPU {index} is not available: torch .* sees {GPUS} CUDA .*Fix: run on the "):
        mode.set_device(index)
    assert mode.device() == torch.device("cpu")


@pytest.mark.skipif(GPUS > 0, reason="needs a machine without a GPU")
def test_refuses_gpu_mode_without_a_gpu_and_stays_on_the_cpu():
    with pytest.raises(CaffeError, match="GPU 0 is not available"):
        mode.set_mode_gpu()
    assert mode.device() == torch.device("cpu")


@needs_gpu
def test_each_thread_has_its_mode_and_set_device_does_not_change_it():
    mode.set_device(0)
    assert mode.device() == torch.device("cpu")
    mode.set_mode_gpu()
    assert mode.device() == torch.device("cuda", 0)
    assert not torch.backends.cuda.matmul.allow_tf32 and not torch.backends.cudnn.allow_tf32
    seen = []
    thread = threading.Thread(target=lambda: seen.append(mode.device()))
    thread.start()
    thread.join()
    assert seen == [torch.device("cpu")]


@pytest.mark.skipif(GPUS > 0, reason="needs a machine without a GPU")
@pytest.mark.parametrize("value", ["1", "yes"])
def test_an_environment_variable_asks_for_the_cpu_in_place_of_a_missing_gpu(monkeypatch, caplog, value):
    monkeypatch.setenv("FCN_CPU_FALLBACK", value)
    mode.set_device(2)
    mode.set_mode_gpu()
    assert mode.device() == torch.device("cpu")
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "GPU 2 is not available; FCN_CPU_FALLBACK asks for the CPU" in caplog.text


@pytest.mark.skipif(GPUS > 0, reason="needs a machine without a GPU")
@pytest.mark.parametrize("value", ["", "0"])
def test_without_it_a_missing_gpu_stays_an_error(monkeypatch, value):
    monkeypatch.setenv("FCN_CPU_FALLBACK", value)
    for choose in (mode.set_mode_gpu, lambda: mode.set_device(0)):
        with pytest.raises(CaffeError, match="FCN_CPU_FALLBACK=1"):
            choose()
