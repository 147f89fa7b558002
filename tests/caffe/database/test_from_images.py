"""convert_imageset's records against Caffe's rules: keys, Datums, and what it skips."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from fcn_repro.caffe.database import Conversion, convert_imageset
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.random import rng

lmdb = pytest.importorskip("lmdb", reason="LMDB's own library writes the databases")
RNG = np.random.RandomState(0)
IMAGES = {"a.png": (4, 5, 3), "b/c d.png": (6, 3, 3), "e.jpg": (4, 5, 3), "g.jpeg": (4, 5, 3)}
LIST = "a.png 3\nb/c d.png 250\nmissing.png 1\ne.jpg -2\ng.jpeg 7"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, shape in IMAGES.items():
        os.makedirs(os.path.dirname(f"in/{name}"), exist_ok=True)
        Image.fromarray(RNG.randint(0, 256, shape).astype(np.uint8)).save(f"in/{name}")
    (tmp_path / "list").write_text(LIST)
    return tmp_path


def convert(**flags) -> dict[bytes, bytes]:
    """The database's records."""
    convert_imageset("in/", "list", "db", Conversion(**flags))
    with lmdb.open("db", readonly=True, lock=False) as environment, environment.begin() as transaction:
        return dict(transaction.cursor())


def by_hand(path: str, label: int, mode: str) -> bytes:
    """A Datum's bytes: fields 1 to 7 of caffe.proto in order, written by hand."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert(mode))
    planes = pixels[None] if mode == "L" else pixels[:, :, ::-1].transpose(2, 0, 1)
    sizes = b"".join(bytes([8 * field, size]) for field, size in enumerate(planes.shape, 1))
    data = planes.tobytes()
    assert len(data) < 128
    varint = label % 2**64
    code = b""
    while varint > 127:
        code, varint = code + bytes([varint & 127 | 128]), varint >> 7
    return sizes + b"\x22" + bytes([len(data)]) + data + b"\x28" + code + bytes([varint]) + b"\x38\x00"


@pytest.mark.parametrize(("gray", "mode"), [(False, "RGB"), (True, "L")])
def test_records_are_the_bytes_that_caffe_writes_and_unreadable_images_are_skipped(folder, caplog, gray, mode):
    assert convert(gray=gray) == {
        b"00000000_a.png": by_hand("in/a.png", 3, mode),
        b"00000001_b/c d.png": by_hand("in/b/c d.png", 250, mode),
        b"00000003_e.jpg": by_hand("in/e.jpg", -2, mode),
        b"00000004_g.jpeg": by_hand("in/g.jpeg", 7, mode),
    }
    assert "list:3: Could not open or find file in/missing.png: [Errno 2] No such file" in caplog.text


def test_encoded_images_are_their_files(folder):
    records = convert(encoded=True)
    for name, value in records.items():
        datum = caffe_pb2.Datum.FromString(value)
        assert datum.data == (folder / "in" / name[9:].decode()).read_bytes() and datum.encoded
        assert not datum.HasField("channels")


@pytest.mark.parametrize(
    ("type_", "kept"), [("jpg", {"e.jpg", "g.jpeg"}), ("png", {"a.png", "b/c d.png"}), ("bmp", set())]
)
def test_encode_type_converts_images_of_another_format(folder, type_, kept):
    for name, value in convert(encode_type=type_, gray=True).items():
        name = name[9:].decode()
        datum = caffe_pb2.Datum.FromString(value)
        assert (datum.data == (folder / "in" / name).read_bytes()) == (name in kept)
        if name not in kept:
            with Image.open(io.BytesIO(datum.data)) as decoded, Image.open(f"in/{name}") as original:
                assert decoded.format == {"jpg": "JPEG"}.get(type_, type_.upper()) and decoded.mode == "L"
                difference = np.asarray(decoded, float) - np.asarray(original.convert("L"), float)
            assert abs(difference).max() <= (0 if type_ != "jpg" else 40)


def test_images_are_resized_and_their_sizes_checked(folder):
    with pytest.raises(CaffeError, match="in/b/c d.png: Incorrect data field size 54, expected 60"):
        convert(check_size=True)
    assert sorted(os.listdir()) == ["in", "list"]  # no half database
    sizes = {(d.channels, d.height, d.width) for d in map(caffe_pb2.Datum.FromString, convert(
        check_size=True, resize_height=7, resize_width=9).values())}  # fmt: skip
    assert sizes == {(3, 7, 9)}


def test_shuffle_permutes_the_list_and_numbers_the_new_order(folder):
    (folder / "list").write_text("".join(f"a.png {label}\n" for label in range(40)))
    rng.set_random_seed(5)
    records = convert(shuffle=True)
    labels = [caffe_pb2.Datum.FromString(records[key]).label for key in sorted(records)]
    assert [key[:8] for key in sorted(records)] == [b"%08d" % n for n in range(40)]
    assert sorted(labels) == list(range(40)) != labels


def test_more_than_a_transaction_and_than_the_first_map_are_written(folder):
    Image.new("RGB", (110, 100), (1, 2, 3)).save("in/large.png")
    (folder / "list").write_text("large.png 1\n" * 1203)
    assert len(convert()) == 1203 and os.path.getsize("db/data.mdb") > 1203 * 33000


@pytest.mark.parametrize(
    ("listed", "flags", "message"),
    [
        ("a.png 1", {"backend": "leveldb"}, "backend: got 'leveldb', expected lmdb"),
        ("a.png 1", {"encode_type": "gifx"}, "encode_type: got 'gifx', expected one of"),
        ("a.png 9999999999", {}, "list:1: label: .*9999999999"),
        ("/" * 600 + "/a.png 1", {}, "got a key of 615 bytes, expected 1 to 511"),
    ],
)
def test_refusals_name_the_place_and_leave_no_database(folder, listed, flags, message):
    (folder / "list").write_text(listed)
    with pytest.raises(CaffeError, match=message):
        convert_imageset("in" if listed[0] == "/" else "in/", "list", "db", Conversion(**flags))
    assert sorted(os.listdir()) == ["in", "list"]


def test_an_existing_database_stays(folder):
    (folder / "db").mkdir()
    with pytest.raises(CaffeError, match="mkdir db failed: it exists. Fix: remove it"):
        convert()
