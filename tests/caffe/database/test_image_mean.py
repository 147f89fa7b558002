import numpy as np
import pytest

from fcn_repro.caffe import io
from fcn_repro.caffe.database import compute_image_mean, log_channel_means, write_mean
from fcn_repro.caffe.database.lmdb_writer import create_database
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.stored_blob import read_blob_file

pytest.importorskip("lmdb", reason="LMDB's own library writes the databases")
RNG = np.random.RandomState(0)


def write(folder, images) -> str:
    with create_database(str(folder / "db")) as writer:
        for number, image in enumerate(images):
            writer.put(b"%d" % number, io.array_to_datum(image, number).SerializeToString())
    return str(folder / "db")


@pytest.mark.parametrize("kind", ["uint8", "float"])
def test_the_mean_is_a_sum_in_float32_in_the_order_of_the_records(tmp_path, kind, caplog):
    caplog.set_level("INFO", "caffe")
    images = RNG.rand(9, 2, 3, 4) * 255
    images = images.astype(np.uint8) if kind == "uint8" else images
    total = np.zeros((2, 3, 4), np.float32)
    for image in images:
        total += image.astype(np.float32)
    mean = compute_image_mean(write(tmp_path, images))
    np.testing.assert_array_equal(mean, total / np.float32(9))
    log_channel_means(mean)
    assert f"mean_value channel [1]: {images[:, 1].mean():g}"[:30] in caplog.text


def test_the_file_has_old_caffes_four_dimensions_and_mean_file_reads_it(tmp_path):
    mean = RNG.rand(3, 2, 5).astype(np.float32)
    write_mean(str(tmp_path / "mean"), mean)
    data = (tmp_path / "mean").read_bytes()
    assert data == b"\x08\x01\x10\x03\x18\x02\x20\x05\x2a\x78" + mean.tobytes()  # fields 1 to 5 of BlobProto
    np.testing.assert_array_equal(io.blobproto_to_array(caffe_pb2.BlobProto.FromString(data))[0], mean)
    np.testing.assert_array_equal(read_blob_file(tmp_path / "mean").data.ravel(), mean.ravel())


@pytest.mark.parametrize(
    ("shapes", "message"),
    [([], "got an empty database"), ([(1, 2, 2), (1, 2, 3)], r"record 2: got an image of shape \[1, 2, 3\], expected")],
)
def test_refuses_an_empty_database_and_several_sizes(tmp_path, shapes, message):
    with pytest.raises(CaffeError, match=message):
        compute_image_mean(write(tmp_path, [np.zeros(shape, np.uint8) for shape in shapes]))
