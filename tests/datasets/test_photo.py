import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets.photo import read_hw, read_photo, to_upright_rgb
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


# ---- pages


def save_pages(path, count, **options):
    pages = [Image.new("RGB", (6, 5), (40 * n, 0, 0)) for n in range(count)]
    pages[0].save(path, save_all=True, append_images=pages[1:], **options)


@pytest.mark.parametrize("ending", ["tif", "gif", "webp", "png"])
def test_several_pages_or_frames_are_refused_and_one_is_read(ending, tmp_path):
    save_pages(tmp_path / f"p.{ending}", 3)
    with pytest.raises(DataError, match=rf"p\.{ending}: .*got 3 pages or frames, expected one image. Fix: save"):
        read_photo(tmp_path / f"p.{ending}")
    save_pages(tmp_path / f"p.{ending}", 1)
    assert read_photo(tmp_path / f"p.{ending}").size == (6, 5)


def test_previews_are_no_pages(tmp_path):
    """A phone's JPEG holds further images, and a TIFF smaller copies."""
    save_pages(tmp_path / "phone.jpg", 2, format="MPO")
    assert read_photo(tmp_path / "phone.jpg").getpixel((0, 0)) == (0, 0, 0)
    full, small = Image.new("RGB", (8, 6), (9, 9, 9)), Image.new("RGB", (4, 3))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    full.save(tmp_path / "p.tif", save_all=True, append_images=[small])
    assert read_photo(tmp_path / "p.tif").size == (8, 6)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_damaged_exif_is_ignored(tmp_path):
    Image.new("RGB", (6, 5)).save(tmp_path / "p.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffrubbish")
    assert read_photo(tmp_path / "p.jpg").size == (6, 5)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_the_size_in_the_header_is_that_of_the_upright_image(orientation, ending, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.new("RGB", (6, 5)).save(tmp_path / f"p.{ending}", exif=exif)
    photo = read_photo(tmp_path / f"p.{ending}")
    assert read_hw(tmp_path / f"p.{ending}") == photo.size[::-1] == ((6, 5) if orientation > 4 else (5, 6))
