"""Weights of classes by their frequency."""

import numpy as np
import pytest

from fcn_repro.caffe.proto.stored_blob import read_blob_file
from fcn_repro.datasets.user.class_weights import balance_by_median, write_infogain
from fcn_repro.datasets.validate_data import SplitReport
from fcn_repro.errors import DataError


def report(pixels, beside, errors=()):
    rows = np.zeros((2, 1, 256), int)
    rows[:, 0, : len(pixels)] = pixels, beside
    return SplitReport(9, errors, frozenset(), rows[0], rows[0] > 0, {}, frozenset(), rows[1])


def test_a_weight_is_the_median_frequency_over_the_classes_own():
    found = balance_by_median(report([80, 10, 5], [100, 50, 50]), 3)
    assert found == pytest.approx([0.2 / 0.8, 0.2 / 0.2, 0.2 / 0.1])


def test_absent_classes_weigh_1_and_void_does_not_count():
    pixels = [80, 0, 20, *[0] * 252, 900]
    assert balance_by_median(report(pixels, [100, 0, 100, *[0] * 252, 500]), 3) == pytest.approx([0.625, 1, 2.5])


def test_balanced_classes_all_weigh_1():
    assert balance_by_median(report([7, 7, 7], [21, 21, 21]), 3) == (1, 1, 1)


@pytest.mark.parametrize(
    ("found", "complaint"), [(report([0], [0]), "no labelled pixels"), (report([1], [1], ("a.png: x",)), "a.png: x")]
)
def test_refuses_a_split_that_says_nothing(found, complaint):
    with pytest.raises(DataError, match=complaint):
        balance_by_median(found, 2)


def test_the_matrix_has_the_weights_on_its_diagonal(tmp_path):
    write_infogain(tmp_path / "w.binaryproto", [1, 2.5, 0.25])
    blob = read_blob_file(tmp_path / "w.binaryproto")
    assert blob.shape == (1, 1, 3, 3)
    np.testing.assert_array_equal(np.reshape(blob.data, (3, 3)), np.diag([1, 2.5, 0.25]))
