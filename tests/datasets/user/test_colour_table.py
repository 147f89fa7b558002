"""Labels in colours become class indices, or are refused with the colours that mean nothing."""

import numpy as np
import pytest
from PIL import Image

from fcn_repro.datasets import file_readers
from fcn_repro.datasets.user import colour_table
from fcn_repro.drawing.palette import make_label_image
from fcn_repro.errors import DataError

CLASSES = ("background", "cell", "wall")
TABLE = "name,r,g,b\nbackground,0,0,0\ncell, 255, 0, 0\ncell,250,0,0\nwall,0,0,255\nvoid,255,255,255\n"


@pytest.fixture
def table(tmp_path):
    def write(text=TABLE):
        (tmp_path / "colours.csv").write_text(text)
        return colour_table.read_table(tmp_path / "colours.csv", CLASSES)

    return write


def test_a_table_gives_each_colour_its_label(table):
    assert table() == {(0, 0, 0): 0, (255, 0, 0): 1, (250, 0, 0): 1, (0, 0, 255): 2, (255, 255, 255): 255}


def test_pixels_get_the_label_of_their_colour(table):
    random = np.random.default_rng(0)
    known = table()
    choice = random.integers(0, len(known), (7, 9))
    image = np.array(list(known), np.uint8)[choice]
    expected = np.array(list(known.values()))[choice]
    np.testing.assert_array_equal(colour_table.to_indices(image, known), expected)


def test_vocs_colours_are_the_devkits():
    label_hw = np.array([[0, 1, 15, 20, 255]], np.uint8)
    image = np.array(make_label_image(label_hw).convert("RGB"))
    np.testing.assert_array_equal(colour_table.to_indices(image, colour_table.make_voc_table(21)), label_hw)
    with pytest.raises(DataError, match=r"got colours of no class: \(0, 64, 128\) in 1 pixels, \(192, 128, 128\)"):
        colour_table.to_indices(image, colour_table.make_voc_table(15))


def test_refuses_colours_between_two_and_names_the_most_frequent(table):
    image = np.zeros((10, 10, 3), np.uint8)
    image[0, :9, 0] = np.arange(1, 10)
    image[1:3, :, 0] = 99
    with pytest.raises(
        DataError, match=r"no class: \(99, 0, 0\) in 20 pixels, \(.*\) in 1 pixels.* and 4 more; expected"
    ):
        colour_table.to_indices(image, table())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name,r,g\ncell,1,2\n", "line 2: got the columns name, r, g; expected name, r, g, b"),
        ("name,r,g,b\ncell,1,2\n", "line 2: got the columns"),
        ("name,r,g,b\ncel,1,2,3\n", "line 2: got cel,1,2,3; expected a name of background, cell, wall, void"),
        ("name,r,g,b\ncell,1,2,256\n", "line 2: got cell,1,2,256; expected .* three numbers in 0-255"),
        ("name,r,g,b\ncell,1,2,3\nwall,1,2,3\n", r"line 3: got the colour \(1, 2, 3\) for a second class"),
    ],
)
def test_refuses_a_faulty_table(table, text, complaint):
    with pytest.raises(DataError, match=complaint):
        table(text)


def test_conversion_writes_palette_images_of_any_format_and_depth(tmp_path, table):
    label_hw = np.array([[0, 1], [2, 255]], np.uint8)
    image = np.zeros((2, 2, 3), np.uint8)
    for colour, label in table().items():
        image[label_hw == label] = colour
    (tmp_path / "given" / "train").mkdir(parents=True)
    Image.fromarray(image).convert("RGBA").save(tmp_path / "given" / "a.png")
    Image.fromarray(image).quantize(16).save(tmp_path / "given" / "train" / "b.png")
    given = {"a": tmp_path / "given" / "a.png", "train/b": tmp_path / "given" / "train" / "b.png"}
    colour_table.convert(given, table(), tmp_path / "labels")
    for item in given:
        np.testing.assert_array_equal(file_readers.read_indexed(tmp_path / "labels" / f"{item}.png"), label_hw)


def test_a_conversion_that_fails_leaves_what_was_there(tmp_path, table):
    Image.new("RGB", (2, 2), (255, 0, 0)).save(tmp_path / "a.png")
    colour_table.convert({"a": tmp_path / "a.png"}, table(), tmp_path / "labels")
    Image.new("RGB", (2, 2), (9, 9, 9)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"b.png: got colours of no class: \(9, 9, 9\) in 4 pixels"):
        colour_table.convert({"b": tmp_path / "b.png"}, table(), tmp_path / "labels")
    assert [path.name for path in (tmp_path / "labels").iterdir()] == ["a.png"]
