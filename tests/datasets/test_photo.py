import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets.photo import read_photo, to_upright_rgb
from fcn_repro.errors import DataError

ORIENTATION = 0x0112


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(to_upright_rgb(image))


def gradient(dtype, top: int) -> np.ndarray:
    return np.linspace(0, top, 12).reshape(3, 4).astype(dtype)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_their_exif_says(orientation, tmp_path):
    upright = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.swapaxes(0, 1),
        6: np.rot90(upright), 7: np.rot90(upright.swapaxes(0, 1), 2), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "p.png", exif=exif)
    assert np.array_equal(np.asarray(read_photo(tmp_path / "p.png")), upright)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "LAB"])
def test_every_mode_becomes_rgb_of_its_size(mode):
    image = to_upright_rgb(Image.new("RGB", (4, 3), (250, 10, 20)).convert("RGB" if mode == "LAB" else mode))
    assert (image.mode, image.size) == ("RGB", (4, 3))


def test_cmyk_without_ink_is_white():
    assert (pixels(Image.new("CMYK", (2, 2), (0, 0, 0, 0))) == 255).all()


def test_grey_is_the_same_in_all_channels():
    grey = gradient(np.uint8, 255)
    assert np.array_equal(pixels(Image.fromarray(grey)), np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_sixteen_bits_become_eight_and_white_stays_white(dtype):
    found = pixels(Image.fromarray(gradient(dtype, 65535)))[..., 0]
    assert (found.min(), found.max()) == (0, 255)
    assert abs(found - np.linspace(0, 255, 12).reshape(3, 4)).max() <= 0.5 + 1e-6


def test_sixteen_bits_are_read_from_files(tmp_path):
    Image.fromarray(gradient(np.uint16, 65535)).save(tmp_path / "p.png")
    assert np.asarray(read_photo(tmp_path / "p.png")).max() == 255


def test_the_transparent_lies_on_white():
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = 0, 128, 255
    assert pixels(Image.fromarray(rgba)).tolist() == [[[255] * 3, [127] * 3, [0] * 3]]


def test_a_transparent_palette_lies_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = 0
    assert pixels(image).tolist() == [[[255, 255, 255], [0, 0, 200]]]


@pytest.mark.parametrize("levels", [gradient(np.float32, 1), gradient(np.int32, 70_000), gradient(np.int32, -5)])
def test_values_without_a_defined_white_are_refused(levels, tmp_path):
    Image.fromarray(levels).save(tmp_path / "p.tif")
    with pytest.raises(DataError, match=r"p\.tif: .*expected 8 or 16 bits"):
        read_photo(tmp_path / "p.tif")


def test_the_limit_of_pixels_is_checked_before_decoding_and_can_be_raised(tmp_path):
    Image.new("L", (300, 200)).save(tmp_path / "large.png")
    with pytest.raises(DataError, match=r"large\.png: got 300 x 200 pixels, expected at most 59999\. .*--max-pixels"):
        read_photo(tmp_path / "large.png", 59_999)
    assert read_photo(tmp_path / "large.png", 60_000).size == (300, 200)


def test_pillows_own_limit_does_not_stop_what_is_allowed_and_stays_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("L", (30, 20)).save(tmp_path / "p.png")
    assert read_photo(tmp_path / "p.png").size == (30, 20)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize(
    ("content", "complaint"), [(b"no image", "not an image"), (None, "missing; expected an image")]
)
def test_missing_files_and_other_formats_are_named(content, complaint, tmp_path):
    if content:
        (tmp_path / "p.jpg").write_bytes(content)
    with pytest.raises(DataError, match=rf"p\.jpg: .*{complaint}"):
        read_photo(tmp_path / "p.jpg")


def test_a_truncated_image_is_refused(tmp_path):
    Image.new("RGB", (64, 64), (9, 99, 9)).save(tmp_path / "whole.jpg")
    (tmp_path / "p.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:-200])
    with pytest.raises(DataError, match=r"p\.jpg: damaged"):
        read_photo(tmp_path / "p.jpg")
