"""Readers refuse wrong files, and report what they got."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from PIL import Image

from fcn_repro.datasets import file_readers
from fcn_repro.errors import DataError
from tests.fixtures.dataset_trees import write_label_mat


@pytest.fixture
def mat(tmp_path):
    path = tmp_path / "a.mat"
    write_label_mat(path, np.arange(42, dtype=np.uint8).reshape(6, 7) % 21)
    return path


def test_reads_the_field_of_a_struct(mat):
    np.testing.assert_array_equal(file_readers.read_mat(mat, "GTcls", "Segmentation"), np.arange(42).reshape(6, 7) % 21)


@pytest.mark.parametrize(
    "variables, fields, message",
    [
        (None, ("S",), "a.mat: no field S; got GTcls$"),
        (None, ("GTcls", "Labels"), "no field GTcls.Labels; got Boundaries, Segmentation, CategoriesPresent$"),
        (None, ("GTcls",), "GTcls: got .*; expected a 2D array of numbers"),
        ({"S": "a word"}, ("S",), "expected a 2D array of numbers"),
        (
            {"GTcls": np.zeros((0, 0), dtype=[("Segmentation", object)])},
            ("GTcls", "Segmentation"),
            "a.mat: GTcls: got an empty struct array; expected one struct$",
        ),
    ],
)
def test_refuses_a_mat_without_the_field_or_with_another_type(mat, variables, fields, message):
    if variables:
        scipy.io.savemat(str(mat), variables)
    with pytest.raises(DataError, match=message):
        file_readers.read_mat(mat, *fields)


def test_refuses_a_mat_cut_off_anywhere(mat):
    whole = mat.read_bytes()
    for end in range(len(whole)):
        mat.write_bytes(whole[:end])
        with pytest.raises(DataError, match="a.mat: damaged, or not a .mat file|no field"):
            file_readers.read_mat(mat, "GTcls", "Segmentation")


def test_refuses_or_reads_a_mat_with_any_byte_changed(mat):
    whole = bytearray(mat.read_bytes())
    for at in range(len(whole)):
        changed = whole.copy()
        changed[at] ^= 0xFF
        mat.write_bytes(changed)
        try:
            file_readers.read_mat(mat, "GTcls", "Segmentation")
        except DataError as error:
            assert str(mat) in str(error)


def test_refuses_the_newer_mat_format_which_is_hdf5(tmp_path):
    with h5py.File(str(tmp_path / "c.mat"), "w", userblock_size=512) as file:
        file["S"] = np.zeros((3, 4))
    with open(str(tmp_path / "c.mat"), "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    with pytest.raises(DataError, match="c.mat: damaged, or not a .mat file .*HDF"):
        file_readers.read_mat(tmp_path / "c.mat", "S")


def test_refuses_an_image_cut_off_anywhere(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.RandomState(0).randint(0, 255, (9, 9, 3), dtype=np.uint8)).save(str(path))
    whole = path.read_bytes()
    image_ends = whole.index(b"IEND") - 16  # checksums and the end mark follow, but no pixel
    for end in range(image_ends):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match="a.png: damaged, or not an image"):
            file_readers.read_rgb(path)


@pytest.mark.parametrize(
    "content, ids",
    [
        (b"2007_000027\r\n\r\n 2007_000032 \n2007_000039", ("2007_000027", "2007_000032", "2007_000039")),
        (b"train/2007_000033\na b\n", ("train/2007_000033", "a b")),
    ],
)
def test_reads_a_list_without_blanks_and_carriage_returns(tmp_path, content, ids):
    (tmp_path / "train.txt").write_bytes(content)
    assert file_readers.read_list(tmp_path / "train.txt") == ids


@pytest.mark.parametrize("line", ["../../etc/passwd", "/etc/passwd", "a/../../b", "a//b", "./a", "a\\b", "a\x1b[2J"])
def test_refuses_ids_that_lead_out_of_their_folder(tmp_path, line):
    (tmp_path / "list.txt").write_text(f"2007_000033\n{line}\n")
    with pytest.raises(DataError, match="list.txt: the id .* leaves its folder"):
        file_readers.read_list(tmp_path / "list.txt")


def test_refuses_a_list_that_is_no_text_or_no_file(tmp_path):
    (tmp_path / "train.txt").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "train.txt", Path("/dev/zero")):
        with pytest.raises(DataError, match=f"{path}: damaged, or not a split list"):
            file_readers.read_list(path)


def test_accepts_labels_of_any_number_type_and_refuses_fractions_and_nan(tmp_path):
    file_readers.check_label(np.array([[0.0, 20.0], [255.0, 3.0]]), tmp_path, (2, 2), (*range(21), 255))
    for value, shown in ((0.5, "0.5"), (np.nan, "nan"), (-1, "-1"), (256, "256")):
        with pytest.raises(DataError, match=f"label value {shown}; expected 0-20 or 255"):
            file_readers.check_label(np.array([[value]]), tmp_path, (1, 1), (*range(21), 255))
