import numpy as np
import pytest

from fcn_repro.model.class_map import label_map


@pytest.mark.parametrize("shape", [(1, 21, 37, 41), (2, 3, 5, 7), (1, 1, 4, 4), (1, 256, 3, 3), (1, 300, 3, 3)])
def test_the_label_is_numpys_argmax(shape):
    scores = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert np.array_equal(label_map(scores), scores.argmax(1))
    assert label_map(scores).dtype == scores.argmax(1).dtype


def test_the_lowest_of_equal_classes_is_taken():
    scores = np.random.default_rng(0).integers(0, 3, (1, 21, 30, 30)).astype(np.float32)
    assert np.array_equal(label_map(scores), scores.argmax(1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_counts_as_in_numpy(value):
    random = np.random.default_rng(0)
    scores = random.normal(size=(1, 5, 20, 20)).astype(np.float32)
    scores[random.random(scores.shape) < 0.3] = value
    assert np.array_equal(label_map(scores), scores.argmax(1))


def test_scores_are_left_as_they_are():
    scores = np.random.default_rng(0).normal(size=(1, 4, 6, 6)).astype(np.float32)
    before = scores.copy()
    label_map(scores)
    assert np.array_equal(scores, before)
