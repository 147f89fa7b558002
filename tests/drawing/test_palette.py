import numpy as np
from PIL import Image

from fcn_repro.drawing.palette import draw_legend, make_voc_palette, overlay_labels, save_label

# From the VOC devkit's published legend.
LEGEND = {
    **{0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128), 8: (64, 0, 0)},
    **{15: (192, 128, 128), 20: (0, 64, 128), 255: (224, 224, 192)},
}


def test_the_palette_has_the_legends_colours_and_no_colour_twice():
    palette = make_voc_palette()
    assert {value: tuple(palette[value]) for value in LEGEND} == LEGEND
    assert len({tuple(colour) for colour in palette}) == 256


def test_saved_labels_read_back_as_indices_and_show_as_colours(tmp_path):
    labels = np.array([[0, 15, 7], [20, 255, 7]])
    save_label(tmp_path / "new" / "label.png", labels)
    with Image.open(tmp_path / "new" / "label.png") as image:
        assert (image.mode, image.size) == ("P", (3, 2))
        assert np.array_equal(np.asarray(image), labels)
        assert image.convert("RGB").getpixel((1, 0)) == LEGEND[15]
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["label.png"]


def test_an_overlay_keeps_the_background_and_blends_the_rest():
    image = Image.new("RGB", (2, 1), (100, 100, 100))
    blended = overlay_labels(image, np.array([[0, 1]]), alpha=0.25)
    assert blended.getpixel((0, 0)) == (100, 100, 100)
    assert blended.getpixel((1, 0)) == (107, 75, 75)


def test_a_legend_has_every_classs_colour():
    page = draw_legend(["background", "aeroplane"])
    assert {LEGEND[0], LEGEND[1]} <= {colour for _, colour in page.getcolors()}
