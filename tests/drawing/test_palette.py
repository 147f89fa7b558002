import numpy as np
from PIL import Image

from fcn_repro.drawing.palette import label_image, overlay, save_label, voc_palette

# From the VOC devkit's published legend.
LEGEND = {
    0: (0, 0, 0),
    1: (128, 0, 0),
    2: (0, 128, 0),
    3: (128, 128, 0),
    4: (0, 0, 128),
    8: (64, 0, 0),
    15: (192, 128, 128),
    20: (0, 64, 128),
    255: (224, 224, 192),
}


def test_palette_has_the_legends_colours():
    assert {value: tuple(voc_palette()[value]) for value in LEGEND} == LEGEND


def test_palette_gives_every_value_its_own_colour():
    assert len({tuple(colour) for colour in voc_palette()}) == 256


def test_saved_labels_read_back_as_indices_and_show_as_colours(tmp_path):
    labels = np.array([[0, 15], [20, 255]])
    save_label(tmp_path / "new" / "label.png", labels)
    with Image.open(tmp_path / "new" / "label.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), labels)
        assert image.convert("RGB").getpixel((1, 0)) == LEGEND[15]


def test_saving_leaves_no_temporary_file(tmp_path):
    save_label(tmp_path / "label.png", np.zeros((2, 2)))
    assert [file.name for file in tmp_path.iterdir()] == ["label.png"]


def test_overlay_leaves_the_background_alone_and_tints_the_rest():
    image = Image.new("RGB", (2, 1), (100, 100, 100))
    tinted = overlay(image, np.array([[0, 1]]), alpha=0.25)
    assert tinted.getpixel((0, 0)) == (100, 100, 100)
    assert tinted.getpixel((1, 0)) == (107, 75, 75)


def test_label_image_keeps_the_shape():
    assert label_image(np.zeros((3, 5))).size == (5, 3)
