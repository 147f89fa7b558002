"""protobuf's own encoder writes what our reader walks."""

import struct

import numpy as np
import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.proto.wire import BYTES, FIXED32, VARINT, Reader, encode_field, encode_key, encode_varint

DATA, FLOAT = 5, 4  # BlobProto.data


@pytest.fixture
def reader(tmp_path):
    def opened(content: bytes) -> Reader:
        path = tmp_path / "a.caffemodel"
        path.write_bytes(content)
        return Reader(path, ".caffemodel")

    return opened


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**31 - 1, 2**63 - 1])
def test_varints_are_protobufs(reader, value):
    encoded = caffe_pb2.BlobShape(dim=[value]).SerializeToString()  # packed: tag, length, value
    assert encoded == encode_field(1, encode_varint(value))
    (part,) = reader(encoded).message()
    assert list(reader(encoded).integers(part)) == [value]


@pytest.mark.parametrize("value", [-1, -(2**31), -(2**63)])
def test_negative_integers_are_read_as_such(reader, value):
    opened = reader(caffe_pb2.BlobShape(dim=[7, value]).SerializeToString())
    assert [n for part in opened.message() for n in opened.integers(part)] == [7, value]
    (part,) = reader(caffe_pb2.BlobProto(num=max(value, -(2**31))).SerializeToString()).message()
    assert part.value == max(value, -(2**31))


def test_integers_come_packed_or_not(reader):
    opened = reader(encode_field(1, encode_varint(5) + encode_varint(600)) + encode_key(1, VARINT) + encode_varint(7))
    assert [n for part in opened.message() for n in opened.integers(part)] == [5, 600, 7]


def test_messages_nest(reader):
    net = caffe_pb2.NetParameter(name="n", layer=[caffe_pb2.LayerParameter(name="conv1"), caffe_pb2.LayerParameter()])
    opened = reader(net.SerializeToString())
    name, first, second = opened.message()
    assert (name.number, first.number, second.number) == (1, 100, 100)
    assert opened.text(name) == "n"
    assert [opened.text(part) for part in opened.inside(first)] == ["conv1"]
    assert list(opened.inside(second)) == []


def test_text_that_is_no_utf8_is_read_all_the_same(reader):
    opened = reader(encode_field(1, b"caf\xe9"))
    assert opened.text(next(opened.message())) == "caf\ufffd"


def test_packed_floats_are_mapped_and_not_copied(reader):
    opened = reader(caffe_pb2.BlobProto(data=[1.5, -2, 3]).SerializeToString())
    (part,) = opened.message()
    values = opened.floats(part, FLOAT, "here")
    assert values.tolist() == [1.5, -2, 3]
    assert not values.flags.owndata and not values.flags.writeable


def test_no_floats_are_no_floats(reader):
    opened = reader(encode_field(DATA, b""))
    (part,) = opened.message()
    assert opened.floats(part, FLOAT, "here").size == 0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 1000])
def test_floats_one_by_one_are_one_field(reader, count):
    numbers = np.arange(count, dtype="<f4")
    content = b"".join(encode_key(DATA, FIXED32) + n.tobytes() for n in numbers)
    opened = reader(content + encode_field(7, b"") + content)
    first, shape, second = opened.message()
    assert shape.number == 7
    assert (opened.floats(first, FLOAT, "here") == numbers).all()
    assert (opened.floats(second, FLOAT, "here") == numbers).all()


def test_a_run_of_floats_ends_at_another_field_of_the_same_size(reader):
    content = b"".join(encode_key(n, FIXED32) + struct.pack("<f", n) for n in (5, 5, 6, 5))
    opened = reader(content)
    found = [(part.number, opened.floats(part, FLOAT, "here").tolist()) for part in opened.message()]
    assert found == [(5, [5, 5]), (6, [6]), (5, [5])]


def test_tags_of_several_bytes_are_understood(reader):
    opened = reader(b"".join(encode_key(1002, FIXED32) + struct.pack("<f", n) for n in (1, 2, 3)))
    (part,) = opened.message()
    assert part.number == 1002
    assert opened.floats(part, FLOAT, "here").tolist() == [1, 2, 3]


def test_what_was_read_can_be_forgotten_and_read_again(reader):
    opened = reader(caffe_pb2.BlobProto(data=np.arange(100_000)).SerializeToString())
    (part,) = opened.message()
    values = opened.floats(part, FLOAT, "here")
    before = values.copy()
    opened.release_pages()
    assert (values == before).all()


# ---- refusals


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(RuntimeError, match="Could not open file .*none.caffemodel: No such file"):
        Reader(tmp_path / "none.caffemodel", ".caffemodel")


def test_refuses_a_folder(tmp_path):
    with pytest.raises(RuntimeError, match="Could not open file"):
        Reader(tmp_path, ".caffemodel")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "a.caffemodel: the file is empty; fetch or train it again"),
        (
            encode_key(3, BYTES) + encode_varint(10) + b"abc",
            "a field at byte 0 needs 10 bytes and 3 are left; the file is truncated",
        ),
        (encode_key(3, BYTES) + encode_varint(2**63), "needs 9223372036854775808 bytes and 0 are left"),
        (encode_key(3, FIXED32) + b"abc", "needs 4 bytes and 3 are left"),
        (encode_field(1, b"x") + encode_key(3, BYTES), "ends inside a number at byte 4; it is truncated"),
        (encode_key(1, VARINT) + b"\xff\xff", "ends inside a number at byte 3"),
        (encode_key(1, VARINT) + b"\xff" * 11, "invalid number at byte 12; is this a .caffemodel"),
        (bytes(1000), "no valid field at byte 0; is this a .caffemodel"),  # field 0 does not exist
        (encode_key(2, 3), "no valid field at byte 0"),  # groups are of proto1
        (encode_key(2, 7), "no valid field at byte 0"),
        (b"<!DOCTYPE html><html>", "no valid field at byte 0"),
        (b'name: "VGG16"\nlayer {', "no valid field"),
        (b"version https://git-lfs.github.com/spec/v1", "no valid field"),
        (b"PK\x03\x04zip", "no valid field"),
    ],
)
def test_refuses_what_is_no_message(reader, content, complaint):
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
def test_refuses_numbers_that_are_no_floats(reader, field, complaint):
    opened = reader(field)
    with pytest.raises(CaffeError, match=complaint):
        opened.floats(next(opened.message()), FLOAT, "layer 'x'")
