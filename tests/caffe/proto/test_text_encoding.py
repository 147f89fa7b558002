import os
import sys

import numpy as np
import pytest
from PIL import Image

from fcn_repro import caffe
from fcn_repro.caffe.proto.text_encoding import decode_text, file_path

INPUT = 'layer {{ name: "{}" type: "Input" top: "x" input_param {{ shape {{ dim: 1 dim: 1 }} }} }}'
ENCODINGS = {
    "utf-8": "\u8bad\u7ec3",
    "gbk": "\u8bad\u7ec3",
    "latin-1": "caf\u00e9",
    "cp1251": "\u0441\u0435\u0442\u044c",
}


@pytest.mark.parametrize(("encoding", "word"), ENCODINGS.items())
@pytest.mark.parametrize("line", ["# {}\n", "x: '{}' # {}\n", '"{}" # it\'s "half\n', "a # it's {}\n"])
def test_comments_and_strings_may_have_any_encoding(encoding, word, line):
    data = line.format(*[word] * line.count("{}")).encode(encoding)
    text = decode_text(data)
    assert [char for char in text if char.isascii()] == [char for char in data.decode(encoding) if char.isascii()]
    assert os.fsencode(file_path(text)) == data


@pytest.mark.parametrize("text", [b"caf\xe9: 1", b"a: '\xe9' \xe9", b"# \xe9\n\xe9"])
def test_other_bytes_are_refused_with_their_place(text):
    with pytest.raises(UnicodeDecodeError) as found:
        decode_text(text)
    assert text[found.value.start] == 0xE9


def test_a_byte_order_mark_is_dropped():
    assert decode_text(b"\xef\xbb\xbfname: 'x'") == "name: 'x'"


@pytest.mark.parametrize(("encoding", "word"), ENCODINGS.items())
def test_nets_with_names_of_any_encoding_keep_their_weights(tmp_path, encoding, word):
    ip = f'layer {{ name: "{word}" type: "InnerProduct" bottom: "x" top: "y" inner_product_param {{ num_output: 2 '
    text = f"# {word}\n{INPUT.format('in')}{ip} weight_filler {{ type: 'xavier' }} }} }}"
    (tmp_path / "net.prototxt").write_bytes(text.encode(encoding))
    saved = caffe.Net(tmp_path / "net.prototxt", caffe.TEST)
    saved.save(tmp_path / "w.caffemodel")
    (weights,) = caffe.Net(tmp_path / "net.prototxt", caffe.TEST, weights=tmp_path / "w.caffemodel").params.values()
    np.testing.assert_array_equal(weights[0].data, next(iter(saved.params.values()))[0].data)


@pytest.mark.skipif(sys.platform != "linux", reason="paths are bytes")
@pytest.mark.parametrize("in_net", [True, False], ids=["path in the prototxt", "path in the list"])
def test_paths_are_bytes(tmp_path, in_net):
    name = "caf\u00e9".encode("latin-1")
    folder = os.path.join(os.fsencode(tmp_path), name) if in_net else os.fsencode(tmp_path)
    os.makedirs(folder, exist_ok=True)
    Image.new("RGB", (3, 2), (1, 2, 3)).save(os.fsdecode(os.path.join(folder, name + b".png")))
    with open(os.path.join(folder, b"list.txt"), "wb") as file:
        file.write(name + b".png 5\n")
    source = b'source: "%s/list.txt" root_folder: "%s/" batch_size: 1' % (folder, folder)
    layer = b'layer { name: "d" type: "ImageData" top: "x" top: "y" image_data_param { %s } }' % source
    (tmp_path / "net.prototxt").write_bytes(layer)
    net = caffe.Net(tmp_path / "net.prototxt", caffe.TEST)
    assert net.forward()["y"].tolist() == [5]
    assert net.blobs["x"].data[0, :, 0, 0].tolist() == [3, 2, 1]


@pytest.mark.skipif(sys.platform != "linux", reason="paths are bytes")
def test_a_solver_in_gbk_names_its_net_by_bytes(tmp_path):
    name = "\u7f51\u7edc".encode("gbk")
    loss = 'layer { name: "l" type: "EuclideanLoss" bottom: "x" bottom: "x" top: "l" }'
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
        file.write(b"# " + name + b"\n" + INPUT.format("in").encode() + loss.encode())
    text = b'# %s\nnet: "%s/%s" base_lr: 1 lr_policy: "fixed"' % (name, os.fsencode(tmp_path), name)
    (tmp_path / "s.prototxt").write_bytes(text)
    solver = caffe.SGDSolver(tmp_path / "s.prototxt")
    solver.step(1)
    assert solver.iter == 1
