import pytest

from fcn_repro import device, engine


@pytest.fixture
def calls(monkeypatch):
    """The calls of the engine, on a machine with one GPU."""
    calls = []

    def set_device(index):
        if index > 0:
            raise RuntimeError(f"there is no GPU {index}")
        calls.append(f"device {index}")

    monkeypatch.setattr(engine, "name", "torch")
    monkeypatch.setattr(engine.caffe, "set_device", set_device)
    monkeypatch.setattr(engine.caffe, "set_mode_gpu", lambda: calls.append("gpu"))
    monkeypatch.setattr(engine.caffe, "set_mode_cpu", lambda: calls.append("cpu"))
    return calls


def test_a_gpu_is_taken_if_there_is_one(calls):
    assert device.choose(None) == "gpu 0"
    assert calls[-2:] == ["device 0", "gpu"]


def test_minus_one_is_the_cpu(calls):
    assert device.choose(-1) == "cpu"
    assert calls == ["cpu"]


def test_a_gpu_that_is_asked_for_and_missing_is_refused(calls):
    with pytest.raises(ValueError, match="GPU 3 cannot be used: there is no GPU 3.*-1 for the CPU"):
        device.choose(3)
    assert "gpu" not in calls


def test_the_title_has_a_gpus_own_name_where_the_engine_tells(calls, monkeypatch):
    monkeypatch.setattr(engine.caffe.mode, "gpu_name", lambda: "Some GPU")
    device.choose(0)
    assert device.describe() == "gpu 0, Some GPU"
    monkeypatch.setattr(engine, "name", "bvlc")
    assert device.describe() == "gpu 0"
    device.choose(-1)
    assert device.describe() == "cpu"


def test_without_a_gpu_the_cpu_is_taken(calls, monkeypatch):
    monkeypatch.setattr(device, "_find_error", lambda index: "no driver")
    assert device.choose(None) == "cpu"
    assert calls == ["cpu"]


def test_real_caffe_is_asked_in_a_child_since_it_ends_its_process_over_a_missing_gpu(calls, monkeypatch):
    monkeypatch.setattr(engine, "name", "bvlc")
    monkeypatch.setattr(device.sys, "executable", "false")  # a program that fails, as the child does
    assert device.choose(None) == "cpu"
    with pytest.raises(ValueError, match="real Caffe fails to set that device"):
        device.choose(0)


# --- several ranks


@pytest.fixture
def second_of_two(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "r", "WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)


def test_each_rank_takes_the_gpu_of_its_number(calls, second_of_two, monkeypatch):
    monkeypatch.setattr(engine.caffe, "set_device", lambda index: calls.append(f"device {index}"))
    assert device.choose(None) == "gpu 1"
    assert calls[-2:] == ["device 1", "gpu"]


def test_a_rank_that_finds_no_gpu_where_another_finds_one_is_refused(calls, second_of_two):
    with pytest.raises(ValueError, match="rank 1 of this machine finds no GPU: there is no GPU 1"):
        device.choose(None)


def test_ranks_without_gpus_compute_on_the_cpu(calls, second_of_two, monkeypatch):
    monkeypatch.setattr(device, "_find_error", lambda index: "no driver")
    assert device.choose(None) == device.choose(-1) == "cpu"


def test_ranks_cannot_all_have_one_gpu(calls, second_of_two):
    with pytest.raises(ValueError, match="got GPU 0 for 2 ranks.*CUDA_VISIBLE_DEVICES"):
        device.choose(0)


@pytest.mark.parametrize("gpu", [None, 0, 1])
def test_an_environment_variable_asks_for_the_cpu_where_the_gpu_is_missing(monkeypatch, gpu):
    monkeypatch.setattr(engine.caffe.mode, "count_devices", lambda: 0)
    monkeypatch.setenv("FCN_CPU_FALLBACK", "1")
    assert device.choose(gpu) == "cpu"
