import argparse

import numpy as np
import pytest
from PIL import Image

from fcn_repro.drawing.palette import save_label
from fcn_repro.errors import DataError
from tools import agree

LABELS = np.zeros((10, 20), np.uint8)


@pytest.fixture
def folders(tmp_path):
    """Two folders, a and b, with a label map `one` that is alike, and `in/two`, in which three of 200 differ."""
    other = LABELS.copy()
    other[0, :2], other[9, 19] = 3, 255
    for folder, two in (("a", LABELS), ("b", other)):
        save_label(tmp_path / folder / "one.png", LABELS)
        save_label(tmp_path / folder / "in/two.png", two)
    return tmp_path / "a", tmp_path / "b"


def compare(folders, least=0.0):
    agree.main(argparse.Namespace(first=folders[0], second=folders[1], least=least))


def test_what_is_alike_is_counted_and_what_is_mixed_up_is_named(folders, capsys):
    compare(folders)
    first, *pairs = capsys.readouterr().out.splitlines()
    assert first == "99.250 % of 400 labels of 2 label maps are alike; fewest in in/two: 98.500 %"
    assert [line.split(" in ")[0].split() for line in pairs] == [["2", "are", "0"], ["1", "are", "0"]]
    assert pairs[0].endswith(f"0 in {folders[0]} and 3 in {folders[1]}") and " and 255 in " in pairs[1]


def test_a_folder_is_wholly_like_itself(folders, capsys):
    compare((folders[1], folders[1]), least=100)
    assert capsys.readouterr().out.startswith("100.000 % of 400 labels of 2 label maps are alike")


def test_fewer_than_asked_for_are_a_failure(folders):
    compare(folders, least=99.25)
    with pytest.raises(ValueError, match=r"99\.250 % of labels are alike; expected 99\.3 % or more \(--least\)"):
        compare(folders, least=99.3)


def test_overlays_and_legends_are_passed_over_and_what_is_in_one_folder_alone_is_told(folders, capsys):
    for name in "one-overlay", "legend":
        Image.new("RGB", (20, 10)).save(folders[0] / f"{name}.png")
    save_label(folders[1] / "far-overlay.png", LABELS)  # of a photograph that is called so
    compare(folders)
    told = capsys.readouterr()
    assert "of 400 labels of 2 label maps" in told.out
    assert f"1 only in {folders[1]} are left out" in told.err and f"only in {folders[0]}" not in told.err


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda a, b: (b / "one.png").unlink() or (b / "in/two.png").unlink(), "no label map, NAME.png, is in both"),
        (lambda a, b: Image.new("RGB", (20, 10)).save(b / "one.png"), "one.png: label map of mode RGB"),
        (lambda a, b: save_label(b / "one.png", LABELS.T), "b/one.png: 10 x 20 pixels; expected 20 x 10 .*a/one.png"),
        (lambda a, b: (b / "one.png").write_bytes(b"\x89PNG"), "one.png: "),
        (lambda a, b: a.rename(b.with_name("c")), "a: no such folder; expected label maps"),
    ],
)
def test_what_cannot_be_compared_is_named(folders, change, message):
    change(*folders)
    with pytest.raises(DataError, match=message):
        compare(folders)
