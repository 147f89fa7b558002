import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2, caffemodel, prototxt
from fcn_repro.caffe.proto.stored_blob import StoredBlob

V2 = """
name: "n" input: "data" input_dim: 1
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 2 kernel_size: 1 } loss_weight: 0.5 loss_weight: 0.25
        blobs { shape { dim: 2 dim: 1 dim: 1 dim: 1 } data: 1.5 data: -2 diff: 7 diff: 8 }
        blobs { shape { dim: 2 } data: 3 data: 4 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "ip" type: "InnerProduct" blobs { shape { dim: 1 dim: 2 } double_data: 0.5 double_data: 0.25 } }"""
V1 = """
name: "n" input: "data"
layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1" blobs_lr: 1 blobs_lr: 2
         blobs { num: 2 channels: 1 height: 1 width: 1 data: 1.5 data: -2 diff: 7 diff: 8 }
         blobs { num: 1 channels: 1 height: 1 width: 2 data: 3 data: 4 } }
layers { name: "relu1" type: RELU bottom: "conv1" top: "conv1" }
layers { name: "ip" type: INNER_PRODUCT
         blobs { num: 1 channels: 1 height: 1 width: 2 data: 0.5 data: 0.25 } }"""
V0 = """
name: "n" input: "data"
layers { bottom: "data" top: "conv1" layer { name: "conv1" type: "conv" num_output: 2
         blobs { num: 2 channels: 1 height: 1 width: 1 data: 1.5 data: -2 diff: 7 diff: 8 }
         blobs { num: 1 channels: 1 height: 1 width: 2 data: 3 data: 4 } } }
layers { bottom: "conv1" top: "conv1" layer { name: "relu1" type: "relu" } }
layers { layer { name: "ip" type: "innerproduct"
         blobs { num: 1 channels: 1 height: 1 width: 2 data: 0.5 data: 0.25 } } }"""
FORMATS = {"V0": V0, "V1": V1, "V2": V2}
SHAPES = {"conv1": [(2, 1, 1, 1), (2,)], "relu1": [], "ip": [(1, 2)]}


def serialised(text: str) -> bytes:
    return prototxt.parse(text, caffe_pb2.NetParameter, "model").SerializeToString()


@pytest.fixture
def read(tmp_path):
    def read_bytes(content: bytes) -> list[caffemodel.StoredLayer]:
        path = tmp_path / "model.caffemodel"
        path.write_bytes(content)
        return caffemodel.read(path)

    return read_bytes


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS)
def test_reads_the_layers_of_every_format(read, text):
    layers = read(serialised(text))
    assert [layer.name for layer in layers] == list(SHAPES)
    for layer in layers:
        assert len(layer.blobs) == len(SHAPES[layer.name])
        assert all(blob.fits(shape) for blob, shape in zip(layer.blobs, SHAPES[layer.name], strict=True))
    (weight, bias), _, (ip,) = (layer.blobs for layer in layers)
    assert (weight.data.tolist(), weight.diff.tolist()) == ([1.5, -2], [7, 8])
    assert (bias.data.tolist(), bias.diff) == ([3, 4], None)
    assert ip.data.tolist() == [0.5, 0.25]


def test_layers_of_both_formats_are_read_in_file_order_and_the_last_name_counts_even_after_the_blobs(read):
    model = serialised('layers { name: "a" }') + serialised('layer { name: "b" }') + serialised('layers { name: "c" }')
    assert [layer.name for layer in read(model)] == ["a", "b", "c"]
    old, late = (caffe_pb2.LayerParameter(name=name).SerializeToString() for name in ("old", "late"))
    layer = old + serialised("layer { blobs { data: 1 } }")[3:] + late
    (found,) = read(b"\xa2\x06" + bytes([len(layer)]) + layer)
    assert (found.name, found.blobs[0].data.tolist()) == ("late", [1])


def test_writes_a_net_parameter(tmp_path):
    path = tmp_path / "model.caffemodel"
    header = caffe_pb2.LayerParameter(name="conv1", type="Convolution", loss_weight=[1])
    blobs = [StoredBlob((2, 1), False, np.float32([[1], [2]])), StoredBlob((), False, np.float32(3), np.float32(4))]
    caffemodel.write(path, "n", [(header.SerializeToString(), blobs), (b"", [])])
    net = caffe_pb2.NetParameter.FromString(path.read_bytes())
    assert net == prototxt.parse("""
        name: "n"
        layer { name: "conv1" type: "Convolution" loss_weight: 1
                blobs { shape { dim: 2 dim: 1 } data: 1 data: 2 } blobs { shape { } data: 3 diff: 4 } }
        layer { }""", caffe_pb2.NetParameter, "expected")  # fmt: skip
    assert [layer.name for layer in caffemodel.read(path)] == ["conv1", ""]


def test_refuses_a_file_without_layers(read):
    with pytest.raises(CaffeError, match="model.caffemodel holds no layers; is it a .caffemodel"):
        read(caffe_pb2.NetParameter(name="n", input=["data"]).SerializeToString())


# ---- damage


def read_or_refuse(read, content: bytes) -> None:
    try:
        for layer in read(content):
            for blob in layer.blobs:
                blob.fits((2, 1))
                blob.check_count()
    except CaffeError as error:
        assert "model.caffemodel" in str(error)


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS)
def test_a_truncated_file_is_read_or_refused_by_name(read, text):
    content = serialised(text)
    for end in range(len(content)):
        read_or_refuse(read, content[:end])


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_in_1_s_and_1_mib(data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "model.caffemodel"
    content = bytearray(serialised(data.draw(st.sampled_from(sorted(FORMATS.values())))))
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(start + 4, len(content))))
        content[start:end] = data.draw(st.binary(max_size=12) | st.sampled_from([b"\xff" * 9 + b"\x01", bytes(5)]))

    def read(content: bytes) -> list[caffemodel.StoredLayer]:
        path.write_bytes(content)
        return caffemodel.read(path)

    start = time.process_time()
    tracemalloc.start()
    read_or_refuse(read, bytes(content))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
    assert time.process_time() - start < 1
