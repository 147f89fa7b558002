import io
import os
import struct
import zlib

import pytest
from PIL import Image

from fcn_repro.system import untrusted_files


def test_a_file_is_read_up_to_its_limit(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert untrusted_files.read_bytes(tmp_path / "a", limit=5) == b"12345"
    with pytest.raises(OSError, match="a: got more than 4 bytes"):
        untrusted_files.read_bytes(tmp_path / "a", limit=4)


def test_pipes_devices_and_folders_are_refused_without_opening_them(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        with pytest.raises(OSError, match="expected a regular file"):
            untrusted_files.read_text(path)


def bomb(path, side):
    """A PNG whose header claims `side` pixels of width and height."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(9)))]
    parts = [
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in [*chunks, (b"IEND", b"")]
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.parametrize("side", [14_000, 1_000_000])
def test_an_image_of_too_many_pixels_is_refused(tmp_path, side):
    with pytest.raises(Image.DecompressionBombError, match=f"{side} x {side} pixels, expected at most"):
        with untrusted_files.open_image(bomb(tmp_path / "a.png", side)):
            pass


@pytest.mark.parametrize(
    "options", [{}, {"lossless": True}, {"save_all": True, "append_images": [Image.new("RGB", (300, 200))]}],
    ids=["VP8", "VP8L", "VP8X"],
)  # fmt: skip
def test_a_webp_of_too_many_pixels_is_refused_before_its_decoder_allocates(tmp_path, monkeypatch, options):
    path = tmp_path / "a.webp"
    Image.new("RGB", (300, 200), (255, 0, 0)).save(path, **options)
    with untrusted_files.open_image(path, max_pixels=300 * 200) as image:
        assert image.size == (300, 200)
    monkeypatch.setattr(Image, "open", lambda *args, **named: pytest.fail("opened"))
    for source in (path, io.BytesIO(path.read_bytes())):
        with pytest.raises(Image.DecompressionBombError, match="300 x 200 pixels, expected at most 59999"):
            with untrusted_files.open_image(source, max_pixels=300 * 200 - 1):
                pass


def test_the_pixel_limit_can_be_raised_for_one_image(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    with untrusted_files.open_image(bomb(tmp_path / "a.png", 14_000), max_pixels=14_000**2) as image:
        assert image.size == (14_000, 14_000)
    assert Image.MAX_IMAGE_PIXELS == before


def test_a_program_named_as_an_image_does_not_run(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "EPS"  # Pillow would let Ghostscript draw it
    with pytest.raises(Image.UnidentifiedImageError):
        with untrusted_files.open_image(tmp_path / "a.jpg"):
            pass
