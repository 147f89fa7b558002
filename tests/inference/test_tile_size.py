"""The largest tiles that fit are chosen, and none where the whole does."""

import math

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro import device
from fcn_repro.engine import caffe
from fcn_repro.inference import tile_size
from fcn_repro.inference.tile_size import fitting, required
from fcn_repro.inference.tiling import reach, windows

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 3, 9, 9] } } }
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
        convolution_param { num_output: 5 kernel_size: 9 pad: 4 } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "score" type: "Convolution" bottom: "c" top: "score"
        convolution_param { num_output: 2 kernel_size: 1 } }
"""
BYTES = 4 * (3 + 5 + 2 + 3 + 5)  # a pixel: all blobs, and bottom and top of c once more
FILTERS = 4 * ((5 * 3 * 81 + 5 + 2 * 5 + 2) + 5 * 3 * 81 + 5)  # and c's once more
PIXEL = BYTES + tile_size.PICTURE_BYTES


@pytest.fixture
def prototxt(monkeypatch):
    monkeypatch.setattr(device, "chosen", "cpu")
    return text_format.Merge(NET, caffe.proto.caffe_pb2.NetParameter())


def net_of(prototxt, folder):
    path = folder / "deploy.prototxt"
    path.write_text(text_format.MessageToString(prototxt))
    return caffe.Net(str(path), caffe.TEST)


def test_what_is_required_is_counted_from_the_shapes(prototxt, tmp_path):
    net = net_of(prototxt, tmp_path)
    assert required(net, prototxt, (40, 50)) == BYTES * 40 * 50 + FILTERS


def test_large_images_are_told_from_smaller_ones_and_never_laid_out(prototxt, tmp_path):
    net = net_of(prototxt, tmp_path)
    assert required(net, prototxt, (4000, 5000)) == BYTES * 4000 * 5000 + FILTERS
    assert net.blobs["data"].count == 3 * 1024 * 1024
    assert required(net, prototxt, (30000, 30000)) == math.inf  # 4.5e9 elements in c


@pytest.mark.parametrize("side, most_gb", [(100, 0.0008), (1000, 0.05), (3000, 0.2), (3000, 0.16)])
def test_the_tile_is_the_largest_whose_windows_fit(prototxt, tmp_path, monkeypatch, side, most_gb):
    monkeypatch.setenv("MEMORY_GB", str(most_gb))
    net, room = net_of(prototxt, tmp_path), tile_size.ROOM * most_gb * 1e9 - tile_size.PICTURE_BYTES * side * side

    def takes(tile: int) -> float:
        cut = list(windows(side, tile, reach(prototxt, 0)))
        return required(net, prototxt, [max(each.stop - each.start for each in cut)] * 2)

    tile = fitting(net, prototxt, (side, side))
    assert 0 < tile < side and takes(tile) <= room
    parts = math.ceil(side / tile)
    assert parts == 2 or takes(math.ceil(side / (parts - 1))) > room


def test_the_whole_is_taken_where_it_fits(prototxt, tmp_path, monkeypatch):
    net = net_of(prototxt, tmp_path)
    monkeypatch.setenv("MEMORY_GB", str((PIXEL * 300 * 200 + FILTERS + 100) / (tile_size.ROOM * 1e9)))
    assert fitting(net, prototxt, (300, 200)) == 0
    assert fitting(net, prototxt, (300, 201)) > 0
    assert fitting(net, prototxt, (300, 200), beside=99) == 0
    assert fitting(net, prototxt, (300, 200), beside=101) > 0


def test_a_net_that_sees_all_of_an_image_is_not_tiled(prototxt, tmp_path, monkeypatch):
    monkeypatch.setenv("MEMORY_GB", "0.001")
    prototxt.layer.add(name="g", type="Pooling", bottom=["score"], top=["g"]).pooling_param.global_pooling = True
    assert fitting(net_of(prototxt, tmp_path), prototxt, (500, 500)) == 0


def test_where_nothing_fits_the_smallest_is_tried(prototxt, tmp_path, monkeypatch):
    monkeypatch.setenv("MEMORY_GB", "0.00001")
    assert fitting(net_of(prototxt, tmp_path), prototxt, (50, 40)) == 1


def test_on_a_gpu_the_number_of_pixels_decides(prototxt, monkeypatch):
    monkeypatch.setattr(device, "chosen", "gpu 0")
    net = None  # not asked
    assert [fitting(net, prototxt, size) for size in ((1024, 1024), (1024, 1025))] == [0, tile_size.GPU_TILE]


def test_what_a_forward_pass_really_takes_is_no_more(prototxt, tmp_path):
    # Of the blobs alone; what a convolution takes on the way is measured in docs/using.md.
    net = net_of(prototxt, tmp_path)
    net.blobs["data"].reshape(1, 3, 60, 70)
    net.blobs["data"].data[...] = 1
    net.forward()
    blobs = sum(np.asarray(net.blobs[name].data).nbytes for name in ("data", "c", "score"))
    assert blobs < required(net, prototxt, (60, 70))
