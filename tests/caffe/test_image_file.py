"""Values that OpenCV 4 gives a data layer of real Caffe for these files: measured with the oracle, see
tests/oracle/test_data_layers.py, which compares files of every kind."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fcn_repro.caffe.image_file import decode

RAMP = np.arange(0, 65536, 2731, dtype=np.uint16).reshape(4, 6)
COLOURS = np.random.RandomState(0).randint(0, 256, (4, 6, 3)).astype(np.uint8)
TURNS = {
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}  # fmt: skip


def encode(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def with_orientation(orientation: int) -> dict:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif, "quality": 100, "subsampling": 0}


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("color", "channels"), [(True, 3), (False, 1)])
def test_sixteen_bits_become_their_upper_byte(kind, color, channels):
    found = decode(encode(RAMP, kind), color)
    assert found.dtype == np.uint8
    assert (found == RAMP // 256).all() and found.shape == (channels, 4, 6)


@pytest.mark.parametrize("pixels", [RAMP, np.repeat(RAMP[..., None], 3, 2)], ids=["grey", "colour"])
def test_an_encoded_datum_of_sixteen_bits_is_refused(pixels, tmp_path):
    with pytest.raises(OSError, match="Image data type must be unsigned byte|expected 8 bits"):
        decode(write_png(pixels), None)


@pytest.mark.parametrize("numbers", [np.float32(RAMP) / 65535, np.int32(RAMP) * 7])
@pytest.mark.parametrize("color", [True, False, None])
def test_numbers_that_do_not_fit_eight_bits_are_refused(numbers, color):
    with pytest.raises(OSError, match=f"got {numbers.dtype} pixels, expected 8 bits"):
        decode(encode(numbers, "TIFF"), color)


@pytest.mark.parametrize("orientation", TURNS)
def test_a_jpeg_is_turned_as_its_exif_says_but_not_in_a_datum(orientation):
    blocks = np.kron(COLOURS, np.ones((8, 8, 1), np.uint8))
    stored = encode(blocks, "JPEG", **with_orientation(orientation))
    plain = encode(blocks, "JPEG", quality=100, subsampling=0)
    upright = TURNS[orientation](decode(plain, True).transpose(1, 2, 0)).transpose(2, 0, 1)
    np.testing.assert_array_equal(decode(stored, True), upright)
    np.testing.assert_array_equal(decode(stored, None), decode(plain, None))


def test_exif_turns_no_png():
    np.testing.assert_array_equal(decode(encode(COLOURS, "PNG", exif=with_orientation(6)["exif"]), True), bgr(COLOURS))


def test_an_own_format_keeps_grey_and_alpha():
    with_alpha = np.dstack([COLOURS, COLOURS[..., 0]])
    assert decode(encode(COLOURS[..., 0], "PNG"), None).shape == (1, 4, 6)
    np.testing.assert_array_equal(decode(encode(with_alpha, "PNG"), None), bgr(with_alpha))
    np.testing.assert_array_equal(decode(encode(with_alpha, "PNG"), True), bgr(COLOURS))


def test_the_alpha_of_a_tiff_is_multiplied_in():
    alpha = COLOURS[..., :1]
    expected = (COLOURS.astype(int) * alpha + 127) // 255
    np.testing.assert_array_equal(decode(encode(np.dstack([COLOURS, alpha]), "TIFF"), True), bgr(expected))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_is_ignored(tmp_path):
    damaged = encode(COLOURS, "JPEG", exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode(damaged, True), decode(encode(COLOURS, "JPEG"), True))
    (tmp_path / "a.jpg").write_bytes(damaged)
    np.testing.assert_array_equal(decode(Path(tmp_path / "a.jpg"), True), decode(damaged, True))


def bgr(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., [2, 1, 0, 3][: pixels.shape[2]]].transpose(2, 0, 1)


def write_png(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits, grey or colour; Pillow writes grey only."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
