import math

import numpy as np
import pytest

from fcn_repro.evaluation import metrics

FOUR = (metrics.pixel_accuracy, metrics.mean_accuracy, metrics.mean_iu, metrics.fw_iu)

# Ten pixels of class 0, of which eight are found; five of class 1, of which three are found.
HAND_MADE = np.array([[8, 2], [2, 3]])


def test_rows_are_truth_and_columns_are_prediction():
    hist = metrics.histogram(np.array([0, 0, 1]), np.array([1, 1, 0]), 2)
    assert hist.tolist() == [[0, 2], [1, 0]]


def test_counts_agree_with_a_loop_over_pixels():
    random = np.random.default_rng(0)
    truth = random.choice([0, 1, 2, 3, 255], (13, 17))
    prediction = random.integers(0, 4, (13, 17))
    expected = np.zeros((4, 4), int)
    for pixel in np.ndindex(truth.shape):
        if truth[pixel] != 255:
            expected[truth[pixel], prediction[pixel]] += 1
    assert np.array_equal(metrics.histogram(truth, prediction, 4), expected)


def test_truth_may_be_the_label_blobs_floats():
    hist = metrics.histogram(np.array([[0.0, 1.0, 255.0]], np.float32), np.array([[0, 1, 1]]), 2)
    assert hist.tolist() == [[1, 0], [0, 1]]


def test_void_is_dropped_whatever_is_predicted_there():
    assert metrics.histogram(np.array([255, -1]), np.array([0, 99]), 2).sum() == 0


def test_refuses_maps_of_two_shapes():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        metrics.histogram(np.zeros((2, 3)), np.zeros((3, 2)), 2)


def test_refuses_a_prediction_that_is_no_class():
    with pytest.raises(ValueError, match=r"0\.\.5; expected classes 0\.\.1"):
        metrics.histogram(np.zeros(2), np.array([0, 5]), 2)


@pytest.mark.parametrize(
    "metric, value",
    [
        (metrics.pixel_accuracy, 11 / 15),
        (metrics.mean_accuracy, (8 / 10 + 3 / 5) / 2),
        (metrics.mean_iu, (8 / 12 + 3 / 7) / 2),
        (metrics.fw_iu, (10 * 8 / 12 + 5 * 3 / 7) / 15),
        (metrics.mean_iu_reference, (8 / 12 + 3 / 7) / 2),
    ],
)
def test_metrics_of_a_histogram_made_by_hand(metric, value):
    assert metric(HAND_MADE) == pytest.approx(value, abs=1e-15)


@pytest.mark.parametrize("metric", FOUR)
def test_a_perfect_prediction_scores_one(metric):
    assert metric(np.diag([5, 1, 7])) == 1


@pytest.mark.parametrize("metric", FOUR)
def test_a_class_that_is_nowhere_changes_nothing(metric):
    assert metric(np.pad(HAND_MADE, (0, 1))) == metric(HAND_MADE)


def test_a_class_predicted_but_absent_from_the_truth_is_left_out_of_the_papers_mean():
    hist = np.array([[6, 0, 2], [0, 4, 0], [0, 0, 0]])
    assert metrics.mean_iu(hist) == pytest.approx((6 / 8 + 1) / 2)
    assert metrics.mean_accuracy(hist) == pytest.approx((6 / 8 + 1) / 2)


def test_the_references_mean_iu_counts_such_a_class_as_zero():
    hist = np.array([[6, 0, 2], [0, 4, 0], [0, 0, 0]])
    assert metrics.mean_iu_reference(hist) == pytest.approx((6 / 8 + 1 + 0) / 3)


def test_per_class_values_are_nan_where_undefined():
    hist = np.array([[6, 0, 2, 0], [0, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(metrics.class_accuracy(hist), [0.75, 1, np.nan, np.nan])
    np.testing.assert_array_equal(metrics.class_iu(hist), [0.75, 1, 0, np.nan])


@pytest.mark.parametrize("metric", FOUR)
def test_metrics_of_all_classes_named_are_those_of_the_whole(metric):
    assert metric(HAND_MADE, [0, 1]) == metric(HAND_MADE)


@pytest.mark.parametrize(
    "metric, value",
    [(metrics.pixel_accuracy, 3 / 5), (metrics.mean_accuracy, 3 / 5), (metrics.mean_iu, 3 / 7), (metrics.fw_iu, 3 / 7)],
)
def test_metrics_of_one_class_are_its_own(metric, value):
    assert metric(HAND_MADE, [1]) == pytest.approx(value, abs=1e-15)


@pytest.mark.parametrize("metric", FOUR)
def test_an_empty_histogram_has_no_score(metric):
    assert math.isnan(metric(np.zeros((3, 3), int)))


def test_histograms_of_images_add_up_to_the_histogram_of_the_split():
    random = np.random.default_rng(1)
    truth, prediction = random.integers(0, 3, (2, 5, 8, 8))
    whole = metrics.histogram(truth, prediction, 3)
    assert np.array_equal(whole, sum(metrics.histogram(truth[i], prediction[i], 3) for i in range(5)))


def test_predicting_background_everywhere_on_voc_scores_a_mean_iu_of_about_three_percent():
    hist = np.zeros((21, 21), int)
    hist[:, 0] = [73_000] + [1_350] * 20  # three pixels in four of VOC are background
    assert metrics.mean_iu(hist) == pytest.approx(0.73 / 21, abs=1e-4)
