"""What the programs under Caffe's names write: real Caffe reads it, or its own log shows the same."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fcn_repro.caffe import caffe_pb2
from fcn_repro.caffe.database import Conversion, compute_image_mean, convert_imageset, write_mean
from fcn_repro.caffe.proto import upgrade_file
from fcn_repro.caffe.proto.text_printer import print_text
from tests.fixtures.pycaffe_scripts import Interpreter
from tests.oracle.comparison import Record
from tests.oracle.oracle import Case, Oracle

CHAPTER = "Programs"
TOPS = 'name: "d" top: "data" top: "label"'


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A list of seven PNG files of one size."""
    random = np.random.RandomState(0)
    for index in range(7):
        Image.fromarray(random.randint(0, 256, (6, 5, 3)).astype(np.uint8)).save(tmp_path / f"{index}.png")
    (tmp_path / "list").write_text("".join(f"{index}.png {index * 3}\n" for index in range(7)))
    return tmp_path


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("form", [{}, {"encoded": True}, {"encode_type": "bmp"}])
def test_caffe_reads_from_our_database_what_it_reads_from_images(images, form, gray, oracle: Oracle, record: Record):
    convert_imageset(f"{images}/", str(images / "list"), str(images / "db"), Conversion(gray=gray, **form))
    colour = "transform_param { force_gray: true }" if gray and form else ""
    listed = f'source: "{images}/list" root_folder: "{images}/" batch_size: 3 is_color: {str(not gray).lower()}'
    layers = [
        f'layer {{ type: "Data" {TOPS} data_param {{ source: "{images}/db" batch_size: 3 backend: LMDB }} {colour} }}',
        f'layer {{ type: "ImageData" {TOPS} image_data_param {{ {listed} }} }}',
    ]
    found, expected = (oracle.run(Case("batches", {"text": text, "phase": 1})) for text in layers)
    # One level of 255: the image libraries weigh colours with different precision.
    record.check(CHAPTER, "convert_imageset, read by Caffe", found, expected, 0.006 if gray else 0)


def test_our_mean_is_caffes_blob_to_the_bit(images, theirs: Interpreter):
    convert_imageset(f"{images}/", str(images / "list"), str(images / "db"), Conversion())
    mean = compute_image_mean(str(images / "db"))
    write_mean(str(images / "mean"), mean)
    code = """
import caffe, numpy, sys
data = open("mean", "rb").read()
blob = caffe.proto.caffe_pb2.BlobProto.FromString(data)
numpy.save("mean.npy", caffe.io.blobproto_to_array(blob))
sys.exit(blob.SerializeToString() != data)
"""
    theirs.check(images, "-c", code)
    np.testing.assert_array_equal(np.load(images / "mean.npy"), mean[None])


VALUES = """
name: "a\\303\\251\\tb'\\"c\\\\"
layers { name: "d" type: DUMMY_DATA top: "d" dummy_data_param { shape { dim: 2 }
  data_filler { type: "constant" value: 0.33333333 min: -0.1 max: 100000000 mean: 2 std: 123456.7 } } }
layers { name: "p" type: POWER bottom: "d" top: "p"
  power_param { power: 1.1754944e-38 scale: 3.4028235e38 shift: 16777217 } }
layers { name: "q" type: POWER bottom: "p" top: "q"
  power_param { power: inf scale: 1234567 shift: 0.00012345678 } }
"""


def test_an_upgraded_prototxt_is_the_text_that_caffe_logs(tmp_path: Path, theirs: Interpreter):
    (tmp_path / "old").write_text(VALUES)
    upgrade_file.upgrade_net_text(str(tmp_path / "old"), str(tmp_path / "new"))
    loud = Interpreter(theirs.command, {**theirs.environment, "GLOG_minloglevel": "0"})
    done = loud.run(tmp_path, "-c", "import caffe; caffe.Net('old', caffe.TRAIN)")
    logged = done.stderr.split("Initializing net from parameters: \n")[1]
    logged = re.split(r"^[IWEF]\d{8} ", logged, maxsplit=1, flags=re.MULTILINE)[0].strip() + "\n"
    state = print_text(caffe_pb2.NetParameter(state={"phase": caffe_pb2.TRAIN, "level": 0}))
    assert (tmp_path / "new").read_text() == logged.replace(state, "")
