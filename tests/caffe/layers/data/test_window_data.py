"""Windows by hand; tests/oracle/test_data_layers.py compares all options with real Caffe."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fcn_repro.caffe import CaffeError
from fcn_repro.caffe.random import rng
from tests.fixtures.layers.one_layer import OneLayer

SIZE = 8
ENTRY = "# 0 a.png 3 20 30 2\n2 0.9 4 6 11 13\n1 0.1 20 2 27 9\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    y, x = np.mgrid[:20, :30]
    Image.fromarray(np.uint8(np.stack([x * 5, y * 5, x + y], axis=2))).save(tmp_path / "a.png")
    (tmp_path / "windows.txt").write_text(ENTRY)
    return tmp_path


def layer(folder: Path, more: str = "", transform: str = f"crop_size: {SIZE}", batch: int = 4) -> OneLayer:
    rng.set_random_seed(1)
    source = f'source: "{folder}/windows.txt" root_folder: "{folder}/" batch_size: {batch} {more}'
    return OneLayer("WindowData", (), f"window_data_param {{ {source} }} transform_param {{ {transform} }}", tops=2)


def test_a_batch_has_its_share_of_foreground_windows_last_in_their_own_pixels(folder):
    built = layer(folder, "fg_fraction: 0.5")
    data = built.forward()
    assert built.top[1].data.tolist() == [0, 0, 2, 2]
    y, x = np.mgrid[:SIZE, :SIZE]
    for item, (left, top) in ((0, (20, 2)), (3, (4, 6))):
        expected = [x + left + y + top, (y + top) * 5, (x + left) * 5]
        np.testing.assert_array_equal(data[item], expected)


def test_context_is_scaled_with_the_window_and_zero_outside_the_image(folder):
    (folder / "windows.txt").write_text("# 0 a.png 3 20 30 2\n1 0.9 0 0 7 7\n1 0.1 9 9 16 16\n")
    data = layer(folder, "fg_fraction: 1 context_pad: 2", batch=1).forward()[0]
    # half a side of 4 times 8 / (8 - 4): from -4 to 12, 17 pixels, of which 13 lie in the image: 6 of 8 pixels
    assert not data[:, :2].any() and not data[:, :, :2].any()
    assert (data[0, 3:, 3:] > 0).all()


def test_scale_and_mean_apply_inside_the_image_only(folder):
    data = layer(folder, "fg_fraction: 1 scale: 0.5", f"crop_size: {SIZE} mean_value: 10", 1).forward()[0]
    assert data[0, 0, 0] == (4 + 6 - 10) * 0.5


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the window file is empty"),
        ("0 a.png", r"windows\.txt:1: got b'0', expected # before"),
        ("# 0 a.png 3 20 30 1\n1 0.9 4 6 11", r"windows\.txt:2: got the end, expected # INDEX PATH"),
        ("# 0 a.png 3 20 30 1\n1 much 4 6 11 13", r"windows\.txt:2: got could not convert"),
        ("# 0 a.png 1 20 30 0\n", r"windows\.txt:1: got 1 channels"),
        ("# 0 a.png 3 20 30 1\n0 0.9 4 6 11 13\n", r"windows\.txt:2: got class 0 of a foreground window"),
        ("# 0 a.png 3 20 30 1\n1 0.9 4 6 11 13\n", "finds no background windows"),
        (ENTRY.replace("# 0", "# 3"), r"windows\.txt:2: got image 3 of 1|windows\.txt:3: got image 3 of 1"),
    ],
)
def test_a_faulty_line_of_the_source_is_named(folder, text, complaint):
    (folder / "windows.txt").write_text(text)
    with pytest.raises(CaffeError, match=complaint):
        layer(folder)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("a.png", "b.png", r"windows\.txt:\d: Could not load .*b\.png"),
        ("11 13", "30 13", r"windows\.txt:2: got a window outside its image of 20 x 30"),
        ("11 13", "3 13", r"windows\.txt:2: got a window outside"),
    ],
)
def test_a_faulty_window_is_named_as_it_is_read(folder, old, new, complaint):
    (folder / "windows.txt").write_text(ENTRY.replace(old, new))
    with pytest.raises(CaffeError, match=complaint):
        layer(folder, "fg_fraction: 1").forward()


@pytest.mark.parametrize(
    ("more", "transform", "complaint"),
    [
        ("", "", "got no transform_param.crop_size"),
        ("context_pad: 4", "crop_size: 8", "got context_pad 4; expected less than half"),
        ("", "crop_size: 8 mean_value: 1 mean_value: 2", "got 2 mean_value entries, expected 1 or 3"),
    ],
)
def test_impossible_options_are_refused(folder, more, transform, complaint):
    with pytest.raises(CaffeError, match=complaint):
        layer(folder, more, transform)


def test_a_missing_source_and_batch_size_are_refused(folder):
    with pytest.raises(CaffeError, match="got window_data_param.batch_size 0"):
        layer(folder, batch=0)
    (folder / "windows.txt").unlink()
    with pytest.raises(CaffeError, match="Could not open file"):
        layer(folder)
