"""Nets that need more memory than the machine has are refused, with a name, before allocation; others run."""

import re

import numpy as np
import pytest

from fcn_repro.caffe.errors import CaffeError
from tests.fixtures.small_net import small_net

DATA = 'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }\n'
WIDE = """layer { name: "fc%d" type: "InnerProduct" bottom: "data" top: "fc%d"
  inner_product_param { num_output: %d weight_filler { type: "gaussian" std: 1 } } }
"""
REPEATED = 'layer { name: "many%d" type: "Tile" bottom: "data" top: "many%d" tile_param { tiles: %d } }\n'
LARGE = 'layer { name: "p%d" type: "Parameter" top: "p%d" parameter_param { shape { dim: 200000000 } } }\n'
DUMMY = """layer { name: "dummy%d" type: "DummyData" top: "dummy%d" %s
  dummy_data_param { shape { dim: 250000000 } data_filler { type: "constant" value: 1 } } }
"""


@pytest.fixture(autouse=True)
def two_gigabytes(monkeypatch):
    """Declare 2 GB on any machine, and check that the process allocates less."""
    resource = pytest.importorskip("resource")
    monkeypatch.setenv("MEMORY_GB", "2")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700_000  # kB


@pytest.mark.parametrize(
    "text, complaint",
    [
        (
            DATA + WIDE % (1, 1, 10**6) + WIDE % (2, 2, 125_000_000),
            "layer 'fc2' (InnerProduct) makes parameter blob 0 of shape [125000000, 4], which takes 2.0 GB: the net "
            "needs 2.0 GB, and 2.0 GB of 2.0 GB are available. Fix: count on more memory with MEMORY_GB=N",
        ),
        (
            "".join(LARGE % (i, i) for i in range(3)),
            "layer 'p2' (Parameter) makes parameter blob 0 of shape [200000000], which takes 0.8 GB: the net needs 2.4",
        ),
        (
            DUMMY.replace("250000000", "501000000") % (1, 1, "loss_weight: 1"),
            "layer 'dummy1' (DummyData) makes loss weights of the top 'dummy1', [501000000], which takes 2.0 GB",
        ),
    ],
    ids=["filler", "zeros", "loss weight"],
)
def test_parameters_and_loss_weights_count_before_they_are_made(tmp_path, text, complaint):
    with pytest.raises(CaffeError, match=re.escape(complaint)):
        small_net(tmp_path, text)


def test_the_first_layer_with_tops_that_do_not_fit_does_not_run(tmp_path, monkeypatch):
    text = DATA + "".join(REPEATED % (i, i, 5_000_000) for i in range(3))
    net, other = small_net(tmp_path, text), small_net(tmp_path, text)
    net.forward()
    monkeypatch.setenv("MEMORY_GB", "0.2")
    complaint = re.escape("layer 'many2' (Tile) makes the top 'many2' of shape [1, 20000000]")
    with pytest.raises(CaffeError, match=complaint):
        other.forward()
    assert other.blobs["many1"].memory.is_blank is False and other.blobs["many2"].memory.is_blank
    net.forward()  # a size that fitted once is not checked again


def test_constants_take_memory_at_the_first_read_and_keep_changes(tmp_path):
    net = small_net(tmp_path, "".join(DUMMY % (i, i, "") for i in range(3)))
    with pytest.raises(CaffeError, match=re.escape("makes the top 'dummy2' of shape [250000000], which takes 1.0 GB")):
        net._check_tops_fit(2)
    net = small_net(tmp_path, DUMMY.replace("250000000", "3") % (1, 1, ""))
    assert np.array_equal(net.blobs["dummy1"].data, [1, 1, 1])
    net.blobs["dummy1"].data[1] = 5
    assert np.array_equal(net.forward()["dummy1"], [1, 5, 1])


@pytest.mark.parametrize(
    "text, complaint",
    [
        ('layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [1000000, 1000000] } } }',
         "layer 'x' (Input) makes the top 'x', but a blob cannot have the shape [1000000, 1000000]"),
        (DATA + WIDE % (1, 1, 2**30),
         "layer 'fc1' (InnerProduct) makes parameter blob 0, but a blob cannot have the shape [1073741824, 4]"),
        (DATA + REPEATED % (1, 1, 2**30),
         "layer 'many1' (Tile) makes the top 'many1', but a blob cannot have the shape [1, 4294967296]"),
        ('layer { name: "x" type: "MemoryData" top: "x" top: "y" memory_data_param '
         "{ batch_size: 99999 channels: 99999 height: 1 width: 1 } }",
         "layer 'x' (MemoryData) makes the top 'x', but a blob cannot have the shape [99999, 99999, 1, 1]"),
    ],
    ids=["input", "parameters", "top", "data"],
)  # fmt: skip
def test_refuses_more_elements_than_c_can_count_with_layer_and_blob(tmp_path, text, complaint):
    with pytest.raises(CaffeError, match=re.escape(complaint) + r".*2147483647 elements \(C's INT_MAX\)"):
        small_net(tmp_path, text)


@pytest.mark.parametrize("type_", ["LSTM", "RNN"])
def test_time_steps_that_do_not_fit_are_not_started(tmp_path, type_):
    text = 'layer { name: "in" type: "Input" top: "x" top: "c" input_param { shape { dim: %d dim: 1 dim: 1 } shape '
    text += '{ dim: %d dim: 1 } } } layer { name: "r" type: "%s" bottom: "x" bottom: "c" top: "y" '
    text += "recurrent_param { num_output: 1 } }"
    small_net(tmp_path, text % (100, 100, type_)).forward()
    net = small_net(tmp_path, text % (1_000_000, 1_000_000, type_))
    with pytest.raises(CaffeError, match=rf"layer 'r' \({type_}\) makes the top 'y' .* the net needs 6\.\d GB"):
        net.forward()


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("kernel, stride", [(30_000, 20_000), (1_500_000_000, 1_000_000_000)])
def test_padding_that_does_not_fit_is_refused(tmp_path, method, kernel, stride):
    text = DATA.replace("dim: 1 dim: 4", "dim: 1 dim: 1 dim: 5 dim: 5")
    text += 'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { pool: %s pad: %d '
    net = small_net(tmp_path, text % (method, stride) + f"kernel_size: {kernel} stride: {stride} }} }}")
    with pytest.raises(CaffeError, match=r"layer 'p' \(Pooling\) makes the top 'p' .* of 2\.0 GB are available"):
        net.forward()


def test_declared_sizes_that_never_run_cost_nothing(tmp_path):
    text = DATA.replace("dim: 1 dim: 4", "dim: 500000000 dim: 4")  # 8 GB
    net = small_net(tmp_path, text + 'layer { name: "r" type: "ReLU" bottom: "data" top: "out" }')
    net.blobs["data"].reshape(2, 4)
    net.blobs["data"].data[...] = -1
    assert not net.forward()["out"].any()


def test_shared_and_in_place_memory_counts_once(tmp_path):
    text = REPEATED % (1, 1, 60_000_000) + 'layer { name: "r" type: "ReLU" bottom: "many1" top: "many1" }'
    text += "".join(f'layer {{ name: "s{i}" type: "Silence" bottom: "many1" }}' for i in range(3))
    net = small_net(tmp_path, DATA + text)
    for index, layer in enumerate(net.layers):
        layer.reshape(net._bottoms[index], net._tops[index])
        if layer.type == "Split":
            layer.forward(net._bottoms[index], net._tops[index])
        net._check_tops_fit(index)


def test_memory_gb_overrides_the_machine(tmp_path, monkeypatch):
    text = "".join(LARGE.replace("200000000", "20000000") % (i, i) for i in range(3))
    monkeypatch.setenv("MEMORY_GB", "0.2")
    with pytest.raises(CaffeError, match="MEMORY_GB=inf"):
        small_net(tmp_path, text)
    monkeypatch.setenv("MEMORY_GB", "inf")
    assert len(small_net(tmp_path, text).params) == 3
