"""Untrusted MATLAB files neither exhaust memory nor end the process."""

import struct
import zlib

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from fcn_repro.datasets import mat_file

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
NUMBERS, CELL, STRUCT, TEXT, SPARSE, OPAQUE = 6, 1, 2, 4, 5, 17
COMPLEX = 0x800


def element(kind, content):
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def array(array_class, dims, content=b"", name=b""):
    flags = element(6, struct.pack("<II", array_class, 0))
    return element(14, flags + element(5, struct.pack(f"<{len(dims)}i", *dims)) + element(1, name) + content)


FIELDS = element(5, struct.pack("<i", 2)) + element(1, b"a\0b\0")  # two, of a struct


def refused(tmp_path, body, match, **options):
    path = tmp_path / "a.mat"
    path.write_bytes(HEADER + body)
    with pytest.raises((ValueError, OSError), match=match):
        mat_file.load(path, "S", **options)
    path.write_bytes(HEADER + element(15, zlib.compress(body)))
    with pytest.raises((ValueError, OSError), match=match):
        mat_file.load(path, "S", **options)


@pytest.mark.parametrize("compressed", [False, True])
def test_what_matlab_writes_is_read_as_scipy_reads_it(tmp_path, compressed):
    label_hw = np.arange(12, dtype=np.uint8).reshape(3, 4)
    boundaries = np.array([[scipy.sparse.csc_matrix(np.eye(3)), "text"]], object)
    struct_ = {"Segmentation": label_hw, "Boundaries": boundaries, "Nothing": np.zeros((0, 0)), "c": np.array([1 + 2j])}
    scipy.io.savemat(tmp_path / "a.mat", {"GTcls": struct_, "other": 5.0}, do_compression=compressed)
    found = mat_file.load(tmp_path / "a.mat", "GTcls")
    assert np.array_equal(found["GTcls"]["Segmentation"].flat[0], label_hw)
    assert found["other"] is None


def test_a_bomb_is_refused_before_it_unpacks(tmp_path):
    body = array(NUMBERS, (1 << 11, 1 << 11), element(2, bytes(1 << 22)), b"S")
    refused(tmp_path, body, "more than 1048576 bytes|unpacks to more", limit=1 << 20)


def test_cells_in_cells_end_no_process(tmp_path):
    body = array(NUMBERS, (1, 1), element(9, bytes(8)))
    for _ in range(20):
        body = array(CELL, (1, 1), body)
    refused(tmp_path, body, "more than 16 deep")


@pytest.mark.parametrize(
    "array_class, dims, content",
    [
        (NUMBERS, (1 << 30, 4), element(2, b"few")),
        (NUMBERS, (-1, -3), element(2, b"few")),
        (NUMBERS, (3, 4), b""),
        (TEXT, (1 << 15, 1 << 15), element(16, b"")),
        (CELL, (1 << 20, 1 << 20), b""),
        (OPAQUE, (1, 1), element(2, b"x")),
        (NUMBERS, (0, 3), b""),
        (TEXT, (1, 0), b""),
        (NUMBERS | COMPLEX, (1, 1), element(9, bytes(8))),
        (SPARSE, (1, 1), element(5, bytes(4)) + element(5, bytes(8))),
        (SPARSE | COMPLEX, (1, 1), element(5, bytes(4)) + element(5, bytes(8)) + element(9, bytes(8))),
        (CELL, (1, 1), b""),
        (CELL, (0, 0), array(NUMBERS, (1, 1), element(9, bytes(8)))),
        (CELL, (1, 1), element(9, bytes(8))),
        (STRUCT, (1, 2), FIELDS + 3 * array(NUMBERS, (1, 1), element(9, bytes(8)))),
    ],
)
def test_shapes_promise_no_more_than_there_is(tmp_path, array_class, dims, content):
    refused(tmp_path, array(array_class, dims, content, b"S"), "for the shape|of shape|array of class 17")


@pytest.mark.parametrize(
    "content",
    [b"", element(5, bytes(4)), element(5, struct.pack("<i", 9)) + element(1, b"a\0b\0"), 2 * element(1, b"abcd")],
)
def test_structs_name_their_fields(tmp_path, content):
    refused(tmp_path, array(STRUCT, (1, 1), content, b"S"), "field names")


@pytest.mark.parametrize("following", [b"", array(CELL, (1, 1), array(TEXT, (1, 1), element(16, b"a")))])
def test_what_follows_is_not_taken_for_numbers_that_are_missing(tmp_path, following):
    """scipy crashed here: it read the next array's tag as the type of numbers."""
    body = array(CELL, (1, 2), array(NUMBERS, (3, 3, 1, 0)) + (following or array(NUMBERS, (1, 1))), b"S")
    refused(tmp_path, body, "got 0 elements of numbers for the shape")


def test_a_part_does_not_reach_beyond_the_one_around_it(tmp_path):
    body = bytearray(array(NUMBERS, (1, 3), element(2, b"few"), b"S"))
    body[-12:-8] = struct.pack("<I", 1 << 31)
    refused(tmp_path, bytes(body), "got an element of 2147483648 bytes; expected at most the remaining 8")


@pytest.mark.parametrize("header", [b"", b"\x89HDF\r\n\x1a\n".ljust(128), b"MATLAB 5.0".ljust(124) + b"\x00\x02IM"])
def test_other_versions_are_refused(tmp_path, header):
    (tmp_path / "a.mat").write_bytes(header)
    with pytest.raises(ValueError, match="expected MATLAB 5"):
        mat_file.load(tmp_path / "a.mat", "S")
