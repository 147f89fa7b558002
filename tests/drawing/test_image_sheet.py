import pytest
from PIL import Image

from fcn_repro.drawing.image_sheet import MARGIN, PAPER, make_sheet

RED, BLUE = (255, 0, 0), (0, 0, 255)


def image(width, height, colour):
    return Image.new("RGB", (width, height), colour)


def positions(page, colour):
    return [(x, y) for y in range(page.height) for x in range(page.width) if page.getpixel((x, y)) == colour]


def test_every_image_is_whole_and_columns_line_up_whatever_the_sizes():
    page = make_sheet(["a", "b"], [[image(5, 5, RED), image(5, 5, BLUE)], [image(40, 9, RED), image(5, 12, BLUE)]])
    red, blue = positions(page, RED), positions(page, BLUE)
    assert (len(red), len(blue)) == (5 * 5 + 40 * 9, 5 * 5 + 5 * 12)
    assert len({x for x, _ in blue}) == 5 and min(x for x, _ in blue) > max(x for x, _ in red)


def test_titles_stand_above_their_columns_and_fit():
    page = make_sheet(["a rather long title", "b"], [[image(5, 5, RED), image(5, 5, BLUE)]])
    top = min(y for _, y in positions(page, RED))
    ink = [x for x in range(page.width) for y in range(top) if page.getpixel((x, y)) != PAPER]
    second = min(x for x, _ in positions(page, BLUE))
    assert min(ink) >= MARGIN and any(x >= second for x in ink) and any(x < second for x in ink)


def test_a_row_without_an_image_for_each_title_is_refused():
    with pytest.raises(ValueError, match="row 1: got 1 images, expected 2: image, truth"):
        make_sheet(["image", "truth"], [[image(1, 1, RED)] * 2, [image(1, 1, RED)]])
