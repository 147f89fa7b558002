"""convert_imageset, compute_image_mean and extract_features, one after the other, as a user runs them."""

import numpy as np
import pytest
from PIL import Image

from fcn_repro import caffe
from tests.fixtures.caffe_log import CaffeProgram, caffe_log  # noqa: F401  # a fixture
from tools import compute_image_mean, convert_imageset, extract_features

pytest.importorskip("lmdb", reason="LMDB's own library writes the databases")
NET = """
layer { name: "data" type: "Data" top: "data" top: "label" data_param { source: "db" batch_size: 2 backend: LMDB }
  transform_param { mean_file: "mean.binaryproto" } }
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { pool: AVE global_pooling: true } }
"""


@pytest.fixture
def images(tmp_path, monkeypatch, caffe_log):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    pixels = np.random.RandomState(0).randint(0, 256, (4, 5, 6, 3)).astype(np.uint8)
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(f"{index}.png")
    (tmp_path / "list.txt").write_text("".join(f"{index}.png {index * 10}\n" for index in range(4)))
    return pixels[..., ::-1].transpose(0, 3, 1, 2)


def test_a_net_reads_what_the_programs_write(images, capsys, tmp_path):
    convert = CaffeProgram(convert_imageset, capsys)
    assert convert("--shuffle=false", "./", "list.txt", "db", "-backend", "lmdb") == 0
    assert convert.log == ["A total of 4 images.", "Opened lmdb db", "Processed 4 files."]
    mean = CaffeProgram(compute_image_mean, capsys)
    assert mean("db", "mean.binaryproto", "--backend=lmdb") == 0
    assert mean.log[:4] == [
        "Starting iteration",
        "Processed 4 files.",
        "Write to mean.binaryproto",
        "Number of channels: 3",
    ]
    expected = images.astype(np.float32).mean(0)
    assert [float(line.split()[-1]) for line in mean.log[4:]] == pytest.approx(expected.mean((1, 2)), rel=1e-5)
    (tmp_path / "net.prototxt").write_text(NET)
    net = caffe.Net("net.prototxt", caffe.TEST)
    batch = net.forward()
    np.testing.assert_allclose(net.blobs["data"].data, images[:2] - expected, atol=1e-4)
    assert batch["label"].tolist() == [0, 10]
    net.save("w.caffemodel")
    extract = CaffeProgram(extract_features, capsys)
    assert extract("w.caffemodel", "net.prototxt", "pool,label", "p,l", "2", "lmdb", "CPU") == 0
    assert extract.log[-2:] == ["Extracted features of 4 query images for feature blob label",
                                "Successfully extracted the features!"]  # fmt: skip
    (tmp_path / "read.prototxt").write_text(
        'layer { name: "d" type: "Data" top: "d" data_param { source: "p" batch_size: 4 backend: LMDB } }'
    )
    features = caffe.Net("read.prototxt", caffe.TEST).forward()["d"]
    np.testing.assert_allclose(features[..., 0, 0], (images - expected).mean((2, 3)), atol=1e-4)


@pytest.mark.parametrize(
    ("program", "arguments", "status", "message"),
    [
        (convert_imageset, ["./", "missing", "db"], 3, "missing: missing"),
        (compute_image_mean, ["missing"], 1, "Could not open the LMDB missing"),
        (compute_image_mean, ["missing", "-backend=leveldb"], 1, "-backend: got 'leveldb', expected lmdb"),
        (extract_features, ["w", "n", "b", "d", "1", "lmdb"], 3, "n: missing"),
    ],
)
def test_errors_have_a_status_and_name_the_file(images, capsys, program, arguments, status, message):
    run = CaffeProgram(program, capsys)
    assert run(*arguments) == status and message in run.err


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (convert_imageset, ["./", "list"]),
        (compute_image_mean, ["a", "b", "c"]),
        (compute_image_mean, ["a", "-gray"]),
        (extract_features, ["w", "n", "b", "d", "0", "lmdb"]),
    ],
)
def test_other_arguments_are_refused(capsys, program, arguments):
    with pytest.raises(SystemExit) as ended:
        program.parse(arguments)
    assert ended.value.code == 2
