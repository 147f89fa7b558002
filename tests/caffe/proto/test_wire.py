"""Our reader understands the output of protobuf's own encoder."""

import struct

import numpy as np
import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.wire import BYTES, FIXED32, VARINT, Reader, encode_field, encode_key, encode_varint

DATA, FLOAT = 5, 4  # BlobProto.data


@pytest.fixture
def reader(tmp_path):
    def open_bytes(content: bytes) -> Reader:
        path = tmp_path / "a.caffemodel"
        path.write_bytes(content)
        return Reader(path, ".caffemodel")

    return open_bytes


def read_floats(opened: Reader) -> list[tuple[int, list[float]]]:
    return [(part.number, opened.floats(part, FLOAT, "here").tolist()) for part in opened.message()]


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**31 - 1, 2**63 - 1, -1, -(2**31), -(2**63)])
def test_varints_are_protobufs(reader, value):
    encoded = caffe_pb2.BlobShape(dim=[value]).SerializeToString()  # packed: tag, length, value
    assert value < 0 or encoded == encode_field(1, encode_varint(value))
    opened = reader(encoded)
    assert [n for part in opened.message() for n in opened.integers(part)] == [value]
    if abs(value) < 2**31:
        (part,) = reader(caffe_pb2.BlobProto(num=value).SerializeToString()).message()
        assert part.value == value


def test_reads_integers_packed_or_not_and_text_that_is_not_utf8(reader):
    opened = reader(encode_field(1, encode_varint(5) + encode_varint(600)) + encode_key(1, VARINT) + encode_varint(7))
    assert [n for part in opened.message() for n in opened.integers(part)] == [5, 600, 7]
    opened = reader(encode_field(1, b"caf\xe9"))
    assert opened.text(next(opened.message())) == "caf\uf7e9"  # as a name in a prototxt of the same bytes


def test_messages_nest(reader):
    net = caffe_pb2.NetParameter(name="n", layer=[caffe_pb2.LayerParameter(name="conv1"), caffe_pb2.LayerParameter()])
    opened = reader(net.SerializeToString())
    name, first, second = opened.message()
    assert (name.number, first.number, second.number) == (1, 100, 100)
    assert opened.text(name) == "n"
    assert [opened.text(part) for part in opened.inside(first)] == ["conv1"]
    assert list(opened.inside(second)) == []


def test_packed_floats_are_mapped_and_survive_the_release_of_pages(reader):
    opened = reader(caffe_pb2.BlobProto(data=np.arange(100_000)).SerializeToString())
    (part,) = opened.message()
    values = opened.floats(part, FLOAT, "here")
    assert not values.flags.owndata and not values.flags.writeable
    opened.release_pages()
    assert (values == np.arange(100_000)).all()
    assert read_floats(reader(encode_field(DATA, b""))) == [(DATA, [])]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 1000])
def test_a_run_of_unpacked_floats_is_one_field(reader, count):
    numbers = np.arange(count, dtype="<f4")
    content = b"".join(encode_key(DATA, FIXED32) + n.tobytes() for n in numbers)
    opened = reader(content + encode_field(7, b"") + content)
    first, shape, second = opened.message()
    assert shape.number == 7
    assert (opened.floats(first, FLOAT, "here") == numbers).all()
    assert (opened.floats(second, FLOAT, "here") == numbers).all()


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((5, 5, 6, 5), [(5, [5, 5]), (6, [6]), (5, [5])]),  # ends at another field of the same size
        ((1002, 1002, 1002), [(1002, [1002, 1002, 1002])]),  # tags of several bytes
    ],
)
def test_a_run_of_floats_ends_at_another_tag(reader, numbers, expected):
    assert read_floats(reader(b"".join(encode_key(n, FIXED32) + struct.pack("<f", n) for n in numbers))) == expected


# ---- refusals


@pytest.mark.parametrize(("name", "complaint"), [("none.caffemodel", ": No such file"), ("", ": not a regular file")])
def test_refuses_a_missing_file_and_a_folder(tmp_path, name, complaint):
    with pytest.raises(RuntimeError, match=f"Could not open file .*{name}{complaint}"):
        Reader(tmp_path / name, ".caffemodel")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "a.caffemodel: the file is empty; fetch or train it again"),
        (encode_key(3, BYTES) + encode_varint(10) + b"abc",
         "a field at byte 0 needs 10 bytes and 3 are left; the file is truncated"),
        (encode_key(3, BYTES) + encode_varint(2**63), "needs 9223372036854775808 bytes and 0 are left"),
        (encode_key(3, FIXED32) + b"abc", "needs 4 bytes and 3 are left"),
        (encode_field(1, b"x") + encode_key(3, BYTES), "ends inside a number at byte 4; it is truncated"),
        (encode_key(1, VARINT) + b"\xff\xff", "ends inside a number at byte 3"),
        (encode_key(1, VARINT) + b"\xff" * 11, r"invalid number at byte \d+; is this a .caffemodel"),
        (bytes(1000), "no valid field at byte 0; is this a .caffemodel"),  # field 0 does not exist
        (encode_key(2, 3), "no valid field at byte 0"),  # groups are of proto1
        (encode_key(2, 7), "no valid field at byte 0"),
        (b"<!DOCTYPE html><html>", "no valid field at byte 0"),
        (b'name: "VGG16"\nlayer {', "no valid field"),
        (b"version https://git-lfs.github.com/spec/v1", "no valid field"),
        (b"PK\x03\x04zip", "no valid field"),
    ],
)  # fmt: skip
def test_refuses_a_file_of_another_format(reader, content, complaint):
    with pytest.raises(CaffeError, match=complaint):
        list(reader(content).message())


@pytest.mark.parametrize(
    ("field", "complaint"),
    [
        (encode_field(DATA, b"12345"), "layer 'x': 5 bytes are not a multiple of 4; the file is damaged"),
        (encode_key(DATA, VARINT) + b"\x01", "layer 'x': values of wire type 0; expected floats"),
        (encode_key(DATA, 1) + bytes(8), "layer 'x': values of wire type 1; expected floats"),
    ],
)
def test_refuses_values_that_are_not_floats(reader, field, complaint):
    opened = reader(field)
    with pytest.raises(CaffeError, match=complaint):
        opened.floats(next(opened.message()), FLOAT, "layer 'x'")
