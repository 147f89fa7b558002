import argparse

import numpy as np
import pytest
from PIL import Image

from fcn_repro.drawing.palette import save_label
from fcn_repro.errors import DataError
from tools import compare_labels

LABELS = np.zeros((10, 20), np.uint8)


@pytest.fixture
def folders(tmp_path):
    """Two folders, a and b, with a label map `one` that is equal, and `in/two`, in which three of 200 differ."""
    other = LABELS.copy()
    other[0, :2], other[9, 19] = 3, 255
    for folder, two in (("a", LABELS), ("b", other)):
        save_label(tmp_path / folder / "one.png", LABELS)
        save_label(tmp_path / folder / "in/two.png", two)
    return tmp_path / "a", tmp_path / "b"


def compare(folders, least=0.0):
    compare_labels.main(argparse.Namespace(first=folders[0], second=folders[1], least=least))


def test_equal_labels_are_counted_and_differences_are_listed(folders, capsys):
    compare(folders)
    first, *pairs = capsys.readouterr().out.splitlines()
    assert first == "99.250 % of 400 labels of 2 label maps are equal; fewest in in/two: 98.500 %"
    assert [line.split(" in ")[0].split() for line in pairs] == [["2", "are", "0"], ["1", "are", "0"]]
    assert pairs[0].endswith(f"0 in {folders[0]} and 3 in {folders[1]}") and " and 255 in " in pairs[1]


def test_a_folder_equals_itself_and_fewer_equal_labels_than_least_fail(folders, capsys):
    compare((folders[1], folders[1]), least=100)
    assert capsys.readouterr().out.startswith("100.000 % of 400 labels of 2 label maps are equal")
    compare(folders, least=99.25)
    with pytest.raises(ValueError, match=r"got 99\.250 % equal labels, expected 99\.3 % or more \(--least\)"):
        compare(folders, least=99.3)


def test_overlays_and_legends_are_skipped_and_unmatched_files_are_reported(folders, capsys):
    for name in "one-overlay", "legend":
        Image.new("RGB", (20, 10)).save(folders[0] / f"{name}.png")
    save_label(folders[1] / "far-overlay.png", LABELS)  # the label map of an image with that name
    compare(folders)
    printed = capsys.readouterr()
    assert "of 400 labels of 2 label maps" in printed.out
    assert f"skipped 1 that are only in {folders[1]}" in printed.err and f"only in {folders[0]}" not in printed.err


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda a, b: (b / "one.png").unlink() or (b / "in/two.png").unlink(), "no label map, NAME.png, is in both"),
        (lambda a, b: Image.new("RGB", (20, 10)).save(b / "one.png"), "one.png: got a label map of mode RGB"),
        (
            lambda a, b: save_label(b / "one.png", LABELS.T),
            "b/one.png: got 10 x 20 pixels; expected 20 x 10 .*a/one.png",
        ),
        (lambda a, b: (b / "one.png").write_bytes(b"\x89PNG"), "one.png: "),
        (lambda a, b: a.rename(b.with_name("c")), "a: missing; expected a folder of label maps"),
    ],
)
def test_errors_name_the_file(folders, change, message):
    change(*folders)
    with pytest.raises(DataError, match=message):
        compare(folders)
