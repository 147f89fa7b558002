import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.stored_blob import _COPY_STEP, StoredBlob, encode_blob, from_proto, read_blob
from fcn_repro.caffe.proto.wire import FIXED32, Reader, encode_field, encode_integer, encode_key


@pytest.fixture
def stored(tmp_path):
    """The StoredBlob that a serialised BlobProto is read as."""

    def read(content: bytes) -> StoredBlob:
        path = tmp_path / "blob"
        path.write_bytes(encode_field(1, content))
        reader = Reader(path, ".caffemodel")
        return read_blob(reader, next(reader.message()), "layer 'x', blob 0")

    return read


def packed(values: list[float], dtype: str) -> bytes:
    return np.array(values, dtype).tobytes()


# ---- shapes


@pytest.mark.parametrize(
    ("legacy", "fitting", "others"),
    [
        ((1, 1, 3, 2), [(3, 2), (1, 3, 2), (1, 1, 3, 2)], [(1, 1, 1, 3, 2), (2, 3), (6,)]),
        ((1, 1, 1, 5), [(5,)], []),
        ((1, 1, 1, 1), [()], []),
        ((1, 4, 3, 2), [], [(3, 2)]),
        ((5, 4, 3, 2), [(5, 4, 3, 2)], []),
        ((0, 1, 3, 2), [], [(3, 2)]),
    ],
)
def test_a_legacy_shape_fits_dims_padded_with_ones_on_the_left(legacy, fitting, others):
    blob = from_proto(caffe_pb2.BlobProto(**dict(zip(("num", "channels", "height", "width"), legacy, strict=True))))
    assert all(blob.fits(dims) for dims in fitting) and not any(blob.fits(dims) for dims in others)


def test_a_shape_fits_equal_dims_only(stored):
    blob = from_proto(caffe_pb2.BlobProto(shape=caffe_pb2.BlobShape(dim=[1, 1, 3, 2])))
    assert blob.fits((1, 1, 3, 2)) and not blob.fits((3, 2))
    scalar = stored(b"".join(encode_blob(StoredBlob((), False, np.float32([7])))))
    assert scalar.fits(()) and scalar.data.tolist() == [7]


@pytest.mark.parametrize("name", ["num", "channels", "height", "width"])
def test_one_legacy_dim_makes_the_shape_legacy(stored, name):
    proto = caffe_pb2.BlobProto(shape=caffe_pb2.BlobShape(dim=[2]), data=[1, 2], **{name: 2})
    expected = tuple(2 if axis == name else 0 for axis in ("num", "channels", "height", "width"))
    for blob in (from_proto(proto), stored(proto.SerializeToString())):
        assert (blob.legacy, blob.shape) == (True, expected)


# ---- values


@pytest.mark.parametrize(
    "content",
    [
        encode_field(5, packed([1, 2, 3, 4], "<f4")),
        encode_field(5, packed([1, 2], "<f4")) + encode_field(5, b"") + encode_field(5, packed([3, 4], "<f4")),
        b"".join(encode_key(5, FIXED32) + packed([n], "<f4") for n in (1, 2, 3, 4)),
        b"".join((encode_field(5, packed([1], "<f4")), encode_key(5, FIXED32), packed([2], "<f4"),
                  encode_field(5, packed([3, 4], "<f4")))),
        encode_field(8, packed([1, 2, 3, 4], "<f8")),
        encode_field(8, packed([1, 2, 3, 4], "<f8")) + encode_field(5, packed([9, 9, 9, 9], "<f4")),  # doubles win
        encode_field(8, b"") + encode_field(5, packed([1, 2, 3, 4], "<f4")),  # but not if there are none
        encode_field(15, b"a field of the future") + encode_field(5, packed([1, 2, 3, 4], "<f4")),
    ],
    ids=["packed", "in chunks", "one by one", "mixed", "doubles", "both", "empty doubles", "unknown field"],
)  # fmt: skip
def test_values_are_read_as_protobuf_reads_them(stored, content):
    blob = stored(content + encode_field(7, encode_field(1, bytes([2, 2]))))
    assert (blob.shape, blob.data.dtype, blob.data.tolist()) == ((2, 2), np.float32, [1, 2, 3, 4])
    whole = from_proto(caffe_pb2.BlobProto.FromString(content))
    assert (whole.data.dtype, whole.data.tolist()) == (np.float32, [1, 2, 3, 4])


def test_a_double_beyond_float32_is_infinite(stored):
    proto = caffe_pb2.BlobProto(double_data=[1e300, -1e300], shape=caffe_pb2.BlobShape(dim=[2]))
    for blob in (from_proto(proto), stored(proto.SerializeToString())):
        assert blob.data.tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize("name", ["diff", "double_diff"])
def test_the_gradient_is_read_where_there_is_one(stored, name):
    shape = caffe_pb2.BlobShape(dim=[2])
    proto = caffe_pb2.BlobProto(shape=shape, data=[1, 2], **{name: [3, 4]})
    for blob in (from_proto(proto), stored(proto.SerializeToString())):
        target = Blob((2,))
        blob.copy_to(target)
        assert target.data.tolist() == [1, 2] and target.diff.tolist() == [3, 4]


def test_without_a_gradient_the_diff_stays_and_existing_views_show_the_data(stored):
    target = Blob((2, 1))
    view = target.data
    target.diff[...] = 5
    stored(caffe_pb2.BlobProto(data=[1, 2]).SerializeToString()).copy_to(target)
    assert view.tolist() == [[1], [2]] and target.diff.tolist() == [[5], [5]]


def test_pages_are_released_step_by_step():
    copied = []
    values = np.arange(2 * _COPY_STEP + 5, dtype=np.float32)
    target = Blob(values.shape)
    view = target.data
    blob = StoredBlob(values.shape, False, values, release_pages=lambda: copied.append(int(np.count_nonzero(view)) + 1))
    blob.copy_to(target)
    assert copied == [_COPY_STEP, 2 * _COPY_STEP, 2 * _COPY_STEP + 5]
    assert (view == values).all()


def test_writes_a_blob_proto():
    data, diff = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((2, 3), np.float32)
    proto = caffe_pb2.BlobProto.FromString(b"".join(encode_blob(StoredBlob((2, 3), False, data, diff))))
    assert list(proto.shape.dim) == [2, 3]
    assert list(proto.data) == list(range(6)) and list(proto.diff) == [1] * 6
    assert not proto.HasField("num")


# ---- damage


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (dict(data=[1, 2, 3]), r"layer 'x', blob 0: 3 values for the shape \[2, 2\]; the file is damaged"),
        (dict(), r"0 values for the shape \[2, 2\]"),
        (dict(data=[1] * 4, diff=[1] * 5), r"5 values for the shape \[2, 2\]"),
        (dict(shape=caffe_pb2.BlobShape(dim=[-1, 2**40])), r"0 values for the shape \[-1, 1099511627776\]"),
        (
            dict(shape=caffe_pb2.BlobShape(dim=[2**62] * 1_000_000)),
            "layer 'x', blob 0: a shape of more than 32 axes; the file is damaged",
        ),
    ],
)
def test_refuses_a_number_of_values_other_than_the_shapes(stored, fields, complaint):
    proto = caffe_pb2.BlobProto(**{"shape": caffe_pb2.BlobShape(dim=[2, 2]), **fields})
    with pytest.raises(CaffeError, match=complaint):
        stored(proto.SerializeToString()).check_count()


# ---- raw_data, as NVCaffe, DIGITS and OpenCV's shrinkCaffeModel write it

SHAPE = encode_field(7, encode_field(1, b"\x02\x03"))
RAW = {0: "<f8", 1: "<f4", 2: "<f2"}


@pytest.mark.parametrize("typed", [True, False], ids=["with its type", "by its size"])
@pytest.mark.parametrize(("kind", "dtype"), RAW.items())
def test_raw_values_of_nvcaffe_are_read(stored, kind, dtype, typed):
    numbers = np.array([0.1, -2, 3.5, 60000, 1e-4, 0], dtype)
    types = encode_integer(10, kind) + encode_integer(11, kind) if typed else b""
    blob = stored(SHAPE + types + encode_field(12, numbers.tobytes()) + encode_field(13, (-numbers).tobytes()))
    blob.check_count()
    np.testing.assert_array_equal(blob.data, np.float32(numbers))
    np.testing.assert_array_equal(blob.diff, np.float32(-numbers))


def test_raw_values_are_copied_to_a_net(tmp_path):
    text = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 } } } layer { name: "ip" '
    text += 'type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 2 bias_term: false } }'
    (tmp_path / "net.prototxt").write_text(text)
    blob = SHAPE + encode_integer(10, 2) + encode_field(12, np.arange(6, dtype="<f2").tobytes())
    layer = encode_field(1, b"ip") + encode_field(7, blob)
    (tmp_path / "w.caffemodel").write_bytes(encode_field(100, layer))
    net = caffe.Net(tmp_path / "net.prototxt", caffe.TEST, weights=tmp_path / "w.caffemodel")
    assert net.params["ip"][0].data.ravel().tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("kind", "size"), [(3, 24), (4, 24), (9, 24), (2, 13), (None, 25), (None, 0)])
def test_raw_values_of_other_types_are_refused(stored, kind, size):
    types = b"" if kind is None else encode_integer(10, kind)
    with pytest.raises(CaffeError, match=rf"layer 'x', blob 0: got raw_data of {size} bytes and type {kind}, expected"):
        stored(SHAPE + types + encode_field(12, bytes(size)))


def test_too_few_raw_values_are_damage(stored):
    with pytest.raises(CaffeError, match=r"5 values for the shape \[2, 3\]"):
        stored(SHAPE + encode_integer(10, 2) + encode_field(12, bytes(10))).check_count()
