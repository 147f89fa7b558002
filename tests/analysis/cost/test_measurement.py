from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

from fcn_repro.analysis.cost import measurement
from fcn_repro.analysis.cost.costs import replace_data_layers
from fcn_repro.analysis.cost.measurement import Job, NotEnoughMemory, count_passes, measure, measure_in_process
from fcn_repro.engine import caffe
from fcn_repro.system import memory
from nets import build
from tests.fixtures.layer_costs import DATA


def job(folder: Path, phase: str, passes: int = 2, side: int = 40) -> Job:
    shapes = {"data": (1, 3, side, side), "label": (1, 1, side, side)}
    message = replace_data_layers(build("vgg16-mini-8s", phase, DATA), shapes)
    (folder / "net.prototxt").write_text(str(message))
    learning = phase == "train"
    return Job(folder / "net.prototxt", learning, passes, -1, "net", 1, 0, count_passes(learning, passes))


@pytest.fixture(autouse=True)
def without_a_limit(monkeypatch):
    """A limit would stay with the process that runs the tests."""
    monkeypatch.setattr(memory, "limit_bytes", lambda n: None)


@pytest.mark.parametrize("phase", ["deploy", "train"])
def test_a_measurement_has_every_layer_and_pass_and_its_progress_ends_where_announced(tmp_path, monkeypatch, phase):
    bar = MagicMock()
    monkeypatch.setattr(measurement, "Progress", bar)
    todo = job(tmp_path, phase)
    found = measure(todo)
    layers = len(caffe.Net(str(todo.net), caffe.TRAIN if todo.trains else caffe.TEST).layers)
    assert len(found.layers_forward_s) == len(found.layers_backward_s) == layers
    assert len(found.forward_s) == 2 and min(found.forward_s) > 0
    assert len(found.backward_s) == 2 * todo.trains
    assert (sum(found.layers_backward_s) > 0) == todo.trains
    assert found.peak_bytes > 0
    bar.assert_called_once_with(todo.total, "net", "GFLOP", 0)
    advance = bar.return_value.__enter__.return_value.advance
    assert sum(each.args[0] for each in advance.call_args_list) == todo.total


def test_whole_passes_that_count_are_those_in_which_the_border_is_kept(tmp_path, monkeypatch):
    """From the third image on the engine caches padding: see fcn_repro/caffe/padding_cache."""
    counts = []
    forward = measurement.timing.measure_forward

    def watched(net):
        counts.append({segment.first: sum(plan.images for plan in segment._plans.values() if plan)
                     for segment in net._segments.values()})  # fmt: skip
        return forward(net)

    monkeypatch.setattr(measurement.timing, "measure_forward", watched)
    measure(job(tmp_path, "deploy"))
    counted = counts[-2:]
    assert counted and all(min(images.values()) >= 2 for images in counted)


def test_weights_keep_the_spread_of_what_they_pass_on(tmp_path):
    net = caffe.Net(str(job(tmp_path, "deploy").net), caffe.TEST)
    measurement.fill(net)
    net.forward()
    first, last = (net.blobs[name].data.std() for name in ("conv1_2", "fc7"))
    assert 0.1 < last / first < 10
    assert np.count_nonzero(net.params["upscore8"][0].data) == 21 * 16 * 16  # diagonal
    assert not np.array(net.params["conv1_1"][1].data).any()


def test_a_separate_process_measures(tmp_path):
    found = measure_in_process(job(tmp_path, "deploy", passes=1))
    assert len(found.forward_s) == 1 and found.peak_bytes > 0


def test_a_net_that_does_not_fit_is_reported(tmp_path, monkeypatch):
    def fail(net):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes.\nBacktrace")

    monkeypatch.setattr(measurement, "fill", fail)
    with pytest.raises(NotEnoughMemory, match=r"^DefaultCPUAllocator: .* 99 bytes\.$"):
        measure(job(tmp_path, "deploy"))


def test_an_image_that_no_memory_holds_does_not_fit(tmp_path):
    with pytest.raises(NotEnoughMemory, match="memory"):
        measure_in_process(job(tmp_path, "deploy", side=200_000))


def test_the_engines_error_about_a_net_is_raised(tmp_path):
    todo = job(tmp_path, "deploy")
    todo.net.write_text(todo.net.read_text().replace("dim: 40", "dim: -1"))
    with pytest.raises(RuntimeError, match=str(todo.net)):
        measure_in_process(todo)
