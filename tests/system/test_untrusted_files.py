import io
import os
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

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
    monkeypatch.setitem(Image.OPEN, "WEBP", (lambda *args: pytest.fail("opened"), None))
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


def test_threads_that_open_images_at_once_change_no_setting_of_pillow(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("RGB", (40, 30), (1, 2, 3)).save(tmp_path / "a.png")
    seen, opened = set(), threading.Barrier(4)

    def read(_):
        with untrusted_files.open_image(tmp_path / "a.png") as image:
            opened.wait(timeout=30)  # all are open now
            seen.add(Image.MAX_IMAGE_PIXELS)
            return image.convert("RGB").getpixel((0, 0))

    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(read, range(8))) == [(1, 2, 3)] * 8
    assert seen == {10} and Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("name", untrusted_files.FORMATS)
def test_every_format_is_known_by_its_content(tmp_path, name):
    Image.new("RGB", (5, 4), (200, 10, 10)).save(tmp_path / "a.dat", format=name)
    for source in (tmp_path / "a.dat", str(tmp_path / "a.dat"), io.BytesIO((tmp_path / "a.dat").read_bytes())):
        with untrusted_files.open_image(source) as image:
            assert (image.format, image.size) == (name, (5, 4))
            image.load()
