"""Labels in colours become class indices, or are refused with the colours that mean nothing."""

import numpy as np
import pytest
from PIL import Image

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
    np.testing.assert_array_equal(colour_table.to_indices(image, known).label_hw, expected)


def test_vocs_colours_are_the_devkits():
    label_hw = np.array([[0, 1, 15, 20, 255]], np.uint8)
    image = np.array(make_label_image(label_hw).convert("RGB"))
    table = colour_table.make_voc_table(21)
    np.testing.assert_array_equal(colour_table.to_indices(image, table).label_hw, label_hw)
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


@pytest.mark.parametrize("text", ["", "\n\n", "name,r,g,b\n", "# a comment\n"])
def test_refuses_a_table_without_colours(table, text):
    with pytest.raises(DataError, match="colours.csv: (empty|got titles alone); expected"):
        table(text)


REORDERED = "b,g,more,r,name\n0,0,x,0,background\n0,0,y,255,cell\n0,0,,250,cell\n255,0,z,0,wall\n255,255,x,255,void\n"


@pytest.mark.parametrize(
    "text",
    [
        TABLE.replace("name,r,g,b", "Name, R, G, B"),
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        TABLE.replace("name,r,g,b\n", ""),
        "\ufeff" + TABLE,
        TABLE.replace("\n", "\r\n"),
        REORDERED,
        "0 0 0 background\n255 0 0\tcell\n250 0 0 cell\n0 0 255 wall\n255 255 255 Void\n",
    ],
    ids=["capitals", "semicolons", "tabs", "no titles", "byte order mark", "CRLF", "another order", "CamVid"],
)
def test_tables_of_other_programs_are_the_same_table(table, text):
    assert table(text) == table()


@pytest.mark.parametrize("tolerance", [0, 20])
def test_a_pixel_takes_the_nearest_colour_within_the_tolerance(table, tolerance):
    random = np.random.default_rng(1)
    known = table()
    choice = random.integers(0, len(known), (20, 30))
    exact = np.array(list(known))[choice]
    image = (exact + random.integers(-tolerance, tolerance + 1, exact.shape)).clip(0, 255)
    found = colour_table.to_indices(image.astype(np.uint8), known, tolerance)
    distances = np.abs(image[..., None, :] - np.array(list(known))).max(-1)  # by brute force
    np.testing.assert_array_equal(found.label_hw, np.array(list(known.values()))[distances.argmin(-1)])
    assert (found.changed, found.largest) == ((distances.min(-1) > 0).sum(), distances.min(-1).max())


def test_refuses_colours_beyond_the_tolerance(table):
    image = np.full((2, 3, 3), 100, np.uint8)
    with pytest.raises(DataError, match=r"\(100, 100, 100\) in 6 pixels; expected those of the table, or within 99 of"):
        colour_table.to_indices(image, table(), 99)
    assert (colour_table.to_indices(image, table(), 100).label_hw == 0).all()


def test_a_draft_lists_the_colours_of_all_label_maps_for_a_person_to_name(tmp_path):
    for name, colours in (("a", [(0, 0, 0)] * 3 + [(9, 8, 7)]), ("b", [(0, 0, 0)] * 2 + [(1, 2, 3)] * 2)):
        Image.fromarray(np.array([colours], np.uint8)).save(tmp_path / f"{name}.png")
    out = tmp_path / "new" / "draft.csv"
    assert colour_table.draft_table(out, [tmp_path / "a.png", tmp_path / "b.png"], 2) == 3
    lines = out.read_text().splitlines()
    assert lines == ["name,r,g,b,pixels,images", "?,0,0,0,5,2", "?,1,2,3,2,1", "?,9,8,7,1,1"]
    with pytest.raises(DataError, match=r"line 2: got \?,0,0,0,5,2; expected a name of"):
        colour_table.read_table(out, CLASSES)
    out.write_text(out.read_text().replace("?,0", "background,0").replace("?,1", "void,1").replace("?,9", "wall,9"))
    assert colour_table.read_table(out, CLASSES) == {(0, 0, 0): 0, (1, 2, 3): 255, (9, 8, 7): 2}


def test_a_photograph_is_no_label_map_to_draft_from(tmp_path):
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="a.png: got more than 1000 colours"):
        colour_table.draft_table(tmp_path / "out.csv", [tmp_path / "a.png"], 1)
    assert not (tmp_path / "out.csv").exists()
