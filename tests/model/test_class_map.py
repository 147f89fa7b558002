import numpy as np
import pytest

from fcn_repro.model.class_map import argmax_classes


def make_scores(shape, kind):
    random = np.random.default_rng(0)
    scores = random.normal(size=shape).astype(np.float32)
    if kind == "equal":
        return random.integers(0, 3, shape).astype(np.float32)
    if kind != "normal":
        scores[random.random(shape) < 0.3] = float(kind)
    return scores


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((1, 21, 37, 41), "normal"), ((2, 3, 5, 7), "normal"), ((1, 1, 4, 4), "normal"), ((1, 256, 3, 3), "normal"),
     ((1, 300, 3, 3), "normal"), ((1, 21, 30, 30), "equal"),
     ((1, 5, 20, 20), "nan"), ((1, 5, 20, 20), "inf"), ((1, 5, 20, 20), "-inf")],
)  # fmt: skip
def test_classes_are_numpys_argmax_and_scores_stay(shape, kind):
    scores = make_scores(shape, kind)
    before = scores.copy()
    found = argmax_classes(scores)
    assert np.array_equal(found, before.argmax(1)) and found.dtype == before.argmax(1).dtype
    assert np.array_equal(scores, before, equal_nan=True)
