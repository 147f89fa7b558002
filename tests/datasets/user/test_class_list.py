"""Lists of classes of this project and of other programs: recognised or refused, never shifted by one."""

import pytest

from fcn_repro.datasets.user.class_list import ClassList, read_classes
from fcn_repro.errors import DataError

NAMES = ("background", "cat", "dog")


@pytest.fixture
def read(tmp_path):
    def read(text: str, encoding="utf-8") -> ClassList:
        (tmp_path / "classes.txt").write_bytes(text.encode(encoding))
        return read_classes(tmp_path / "classes.txt")

    return read


@pytest.mark.parametrize(
    "text",
    [
        "background\ncat\ndog\n",
        "background\n\ncat\n dog \n\n",
        "\ufeffbackground\r\ncat\r\ndog\r\n",
        "background\rcat\rdog",
        "# three classes\nbackground\ncat\ndog\n",
        "_background_\ncat\ndog\n",
        "__ignore__\n_background_\ncat\ndog\n",
        "0 background\n1 cat\n2 dog\n",
        "0: background\n1: cat\n2: dog\n",
        "0,background\n1,cat\n2,dog\n",
        "id,name\n0,background\n1,cat\n2,dog\n",
        "name;id\nbackground;0\ncat;1\ndog;2\n",
        "label,name\n0,background\n1,cat\n2,dog\n",
        "Idx\tRatio\tName\n0\t0.5\tbackground\n1\t.3\tcat\n2\t.2\tdog\n",
    ],
)
def test_lists_of_every_form_name_the_classes_in_the_order_of_their_labels(read, text):
    found = read(text)
    assert (found.names, found.values, found.void, found.colours) == (NAMES, (), (), {})


@pytest.mark.parametrize(
    "text",
    [
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,50,83:head,tail:run\ndog:51,221,255::\n",
        "name,r,g,b\nbackground,0,0,0\ncat,250,50,83\ndog,51,221,255\n",
        "\ufeffClass_Name ; R ; G ; B\r\nbackground;0;0;0\r\ncat;250;50;83\r\ndog;51;221;255\r\n",
        "background,0,0,0\ncat,250,50,83\ndog,51,221,255\n",
        "0 0 0 background\n250 50 83\tcat\n51 221 255 dog\n",
    ],
)
def test_lists_with_colours_give_names_and_colours(read, text):
    found = read(text)
    assert (found.names, found.values, found.void) == (NAMES, (), ())
    assert found.colours == {"background": [(0, 0, 0)], "cat": [(250, 50, 83)], "dog": [(51, 221, 255)]}


@pytest.mark.parametrize(
    ("text", "values", "void"),
    [
        ("1 background\n2 cat\n3 dog\n", (1, 2, 3), ()),
        ("void\nbackground\ncat\ndog\n", (1, 2, 3), (0,)),
        ("background\ncat\ndog\nVoid\n", (), (3,)),
        ("background\nvoid\ncat\ndog\n", (0, 2, 3), (1,)),
        ("id,name\n7,background\n8,cat\n11,dog\n0,void\n", (7, 8, 11), (0,)),
        ("name,r,g,b\nbackground,0,0,0\nVoid,1,1,1\ncat,2,2,2\ndog,3,3,3\n", (0, 2, 3), (1,)),
        ("name,r,g,b\nbackground,0,0,0\nbackground,1,1,1\nvoid,9,9,9\ncat,2,2,2\ndog,3,3,3\n", (), ()),
    ],
)
def test_labels_keep_their_numbers_where_the_list_counts_otherwise(read, text, values, void):
    found = read(text)
    assert (found.names, found.values, found.void) == (NAMES, values, void)


@pytest.mark.parametrize(
    "name", ["building, edifice", "t-shirt", "car (parked)", "U-Bahn/S-Bahn", "\u732b", "a#1", "7up"]
)
def test_names_may_hold_signs_and_commas(read, name):
    assert read(f"background\n{name}\ndog\n").names == ("background", name, "dog")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty; expected a list of classes"),
        ("a\n", "got 1 classes; expected 2 to 255"),
        ("a\nb\na\n", "got 'a' twice"),
        ("".join(f"{n}\n" for n in range(256)), "got 256 classes"),
        ('{"names": ["a", "b"]}\n', "line 1: got .* looks like no class name"),
        ("names:\n  0: a\n  1: b\n", "line 1: got 'names:'"),
        ("- a\n- b\n", "line 1: got '- a'"),
        ("name\na\nb\n", "got 'name' as class 0, which looks like a column's title"),
        ("class;colour\na;1\nb;2\n", "line 2: got 'a;1', which looks like no class name"),
        ("who,r,g,b\na,1,2,3\nb,4,5,6\n", "line 1: got 'who,r,g,b', unlike all other lines"),
        ("r,g,b\n1,2,3\n4,5,6\n", "line 2: got '1,2,3'"),
        ("0,0,0\n1,1,1\n", "line 1: got '0,0,0'"),
        ("0 a\n1 b\n5 c\n", "got lines with the numbers 0, 1, 5"),
        ("a\n__ignore__\nb\n", "got __ignore__ below other classes"),
        ("a\tb\nc\td\n", "looks like no class name"),
        ("name,r,g,b\na,1,2\nb,4,5,6\n", "line 2: got the columns name, r, g, b and 3 values"),
        ("name,r,g,b\na,1,2,999\nb,4,5,6\n", "line 2: got a,1,2,999; expected a name, and three numbers in 0-255"),
        ("id,name\nx,a\n1,b\n", "line 2: got x,a; expected a name and its label"),
        ("name,r,g,b\n", "got titles alone"),
    ],
)  # fmt: skip
def test_other_lists_are_refused_with_the_line(read, text, complaint):
    with pytest.raises(DataError, match=f"classes.txt.*{complaint}"):
        read(text)


def test_a_list_in_another_encoding_is_refused_by_name(read):
    for encoding in ("utf-16", "latin-1"):
        with pytest.raises(DataError, match="classes.txt: damaged, or not a list of classes"):
            read("caf\u00e9\nhaus\n", encoding)
