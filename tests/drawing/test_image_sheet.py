import pytest
from PIL import Image

from fcn_repro.drawing.image_sheet import MARGIN, PAPER, sheet

RED, BLUE = (255, 0, 0), (0, 0, 255)


def picture(width, height, colour):
    return Image.new("RGB", (width, height), colour)


def positions(page, colour):
    return [(x, y) for y in range(page.height) for x in range(page.width) if page.getpixel((x, y)) == colour]


def test_every_picture_is_on_the_page_whole():
    page = sheet(["image", "truth"], [[picture(30, 20, RED), picture(10, 25, BLUE)]])
    assert len(positions(page, RED)) == 30 * 20
    assert len(positions(page, BLUE)) == 10 * 25


def test_columns_line_up_whatever_the_sizes():
    page = sheet(["a", "b"], [[picture(5, 5, RED), picture(5, 5, BLUE)], [picture(40, 9, RED), picture(5, 9, BLUE)]])
    assert len({x for x, _ in positions(page, BLUE)}) == 5
    assert min(x for x, _ in positions(page, BLUE)) > max(x for x, _ in positions(page, RED))


def test_titles_stand_above_their_columns_and_fit():
    page = sheet(["a rather long title", "b"], [[picture(5, 5, RED), picture(5, 5, BLUE)]])
    top = min(y for _, y in positions(page, RED))
    ink = [x for x in range(page.width) for y in range(top) if page.getpixel((x, y)) != PAPER]
    assert min(ink) >= MARGIN
    second = min(x for x, _ in positions(page, BLUE))
    assert any(x >= second for x in ink) and any(x < second for x in ink)


def test_refuses_a_row_that_lacks_a_picture():
    with pytest.raises(ValueError, match="row 1 has 1 pictures; expected 2: image, truth"):
        sheet(["image", "truth"], [[picture(1, 1, RED)] * 2, [picture(1, 1, RED)]])
