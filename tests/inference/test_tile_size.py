"""The largest tile that fits in memory, and none if the whole image fits."""

import math

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro import device
from fcn_repro.engine import caffe
from fcn_repro.inference import tiling
from fcn_repro.inference.tiling import choose_tile, estimate_bytes, find_extent, split_axis

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
PIXEL = BYTES + tiling.IMAGE_BYTES


@pytest.fixture
def prototxt(monkeypatch):
    monkeypatch.setattr(device, "chosen", "cpu")
    return text_format.Merge(NET, caffe.proto.caffe_pb2.NetParameter())


def make_net(prototxt, folder):
    path = folder / "deploy.prototxt"
    path.write_text(text_format.MessageToString(prototxt))
    return caffe.Net(str(path), caffe.TEST)


def test_memory_is_estimated_from_the_shapes(prototxt, tmp_path):
    net = make_net(prototxt, tmp_path)
    assert estimate_bytes(net, prototxt, (40, 50)) == BYTES * 40 * 50 + FILTERS


def test_large_images_are_extrapolated_from_smaller_ones(prototxt, tmp_path):
    net = make_net(prototxt, tmp_path)
    assert estimate_bytes(net, prototxt, (4000, 5000)) == BYTES * 4000 * 5000 + FILTERS
    assert net.blobs["data"].count == 3 * 1024 * 1024
    assert estimate_bytes(net, prototxt, (30000, 30000)) == math.inf  # 4.5e9 elements in c


@pytest.mark.parametrize("side, most_gb", [(100, 0.0008), (1000, 0.05), (3000, 0.2), (3000, 0.16)])
def test_the_largest_tile_that_fits_is_chosen(prototxt, tmp_path, monkeypatch, side, most_gb):
    monkeypatch.setenv("MEMORY_GB", str(most_gb))
    net, room = make_net(prototxt, tmp_path), tiling.USED_MEMORY * most_gb * 1e9 - tiling.IMAGE_BYTES * side * side

    def takes(tile: int) -> float:
        cut = list(split_axis(side, tile, find_extent(prototxt, 0)))
        return estimate_bytes(net, prototxt, [max(each.stop - each.start for each in cut)] * 2)

    tile = choose_tile(net, prototxt, (side, side))
    assert 0 < tile < side and takes(tile) <= room
    parts = math.ceil(side / tile)
    assert parts == 2 or takes(math.ceil(side / (parts - 1))) > room


def test_an_image_that_fits_is_not_tiled(prototxt, tmp_path, monkeypatch):
    net = make_net(prototxt, tmp_path)
    monkeypatch.setenv("MEMORY_GB", str((PIXEL * 300 * 200 + FILTERS + 100) / (tiling.USED_MEMORY * 1e9)))
    assert choose_tile(net, prototxt, (300, 200)) == 0
    assert choose_tile(net, prototxt, (300, 201)) > 0
    assert choose_tile(net, prototxt, (300, 200), other_bytes=99) == 0
    assert choose_tile(net, prototxt, (300, 200), other_bytes=101) > 0


def test_a_net_that_needs_the_whole_image_is_not_tiled(prototxt, tmp_path, monkeypatch):
    monkeypatch.setenv("MEMORY_GB", "0.001")
    prototxt.layer.add(name="g", type="Pooling", bottom=["score"], top=["g"]).pooling_param.global_pooling = True
    assert choose_tile(make_net(prototxt, tmp_path), prototxt, (500, 500)) == 0


def test_if_nothing_fits_the_smallest_tile_is_chosen(prototxt, tmp_path, monkeypatch):
    monkeypatch.setenv("MEMORY_GB", "0.00001")
    assert choose_tile(make_net(prototxt, tmp_path), prototxt, (50, 40)) == 1


def test_on_a_gpu_the_number_of_pixels_decides(prototxt, monkeypatch):
    monkeypatch.setattr(device, "chosen", "gpu 0")
    net = None  # not asked
    assert [choose_tile(net, prototxt, size) for size in ((1024, 1024), (1024, 1025))] == [0, tiling.GPU_TILE]


def test_a_forward_pass_needs_no_more_than_estimated(prototxt, tmp_path):
    # Of the blobs alone; what a convolution takes on the way is measured in docs/using.md.
    net = make_net(prototxt, tmp_path)
    net.blobs["data"].reshape(1, 3, 60, 70)
    net.blobs["data"].data[...] = 1
    net.forward()
    blobs = sum(np.asarray(net.blobs[name].data).nbytes for name in ("data", "c", "score"))
    assert blobs < estimate_bytes(net, prototxt, (60, 70))
