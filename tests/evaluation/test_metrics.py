import math

import numpy as np
import pytest

from fcn_repro.evaluation import metrics

FOUR = (metrics.pixel_accuracy, metrics.mean_accuracy, metrics.mean_iu, metrics.fw_iu)

# Ten pixels of class 0, of which eight are found; five of class 1, of which three are found.
HAND_MADE = np.array([[8, 2], [2, 3]])


@pytest.mark.parametrize(
    "truth, prediction, hist",
    [
        ([0, 0, 1], [1, 1, 0], [[0, 2], [1, 0]]),  # rows are truth
        (np.array([[0, 1, 255]], np.float32), [[0, 1, 1]], [[1, 0], [0, 1]]),  # the label blob's type
        ([255, -1], [0, 99], [[0, 0], [0, 0]]),  # void, whatever is predicted there
    ],
)
def test_counts_by_hand(truth, prediction, hist):
    assert metrics.histogram(np.asarray(truth), np.asarray(prediction), 2).tolist() == hist


def test_counts_agree_with_a_loop_over_pixels():
    random = np.random.default_rng(0)
    truth = random.choice([0, 1, 2, 3, 255], (13, 17))
    prediction = random.integers(0, 4, (13, 17))
    expected = np.zeros((4, 4), int)
    for pixel in np.ndindex(truth.shape):
        if truth[pixel] != 255:
            expected[truth[pixel], prediction[pixel]] += 1
    assert np.array_equal(metrics.histogram(truth, prediction, 4), expected)


@pytest.mark.parametrize(
    "truth, prediction, message",
    [
        (np.zeros((2, 3)), np.zeros((3, 2)), r"\(2, 3\).*\(3, 2\)"),
        (np.zeros(2), np.array([0, 5]), r"0\.\.5; expected classes 0\.\.1"),
    ],
)
def test_refuses_maps_of_two_shapes_and_unknown_classes(truth, prediction, message):
    with pytest.raises(ValueError, match=message):
        metrics.histogram(truth, prediction, 2)


@pytest.mark.parametrize(
    "metric, classes, value",
    [
        (metrics.pixel_accuracy, None, 11 / 15),
        (metrics.mean_accuracy, None, (8 / 10 + 3 / 5) / 2),
        (metrics.mean_iu, None, (8 / 12 + 3 / 7) / 2),
        (metrics.fw_iu, None, (10 * 8 / 12 + 5 * 3 / 7) / 15),
        *((metrics.pixel_accuracy, [1], 3 / 5), (metrics.mean_accuracy, [1], 3 / 5)),
        *((metrics.mean_iu, [1], 3 / 7), (metrics.fw_iu, [1], 3 / 7)),
    ],
)
def test_metrics_of_a_histogram_made_by_hand_and_of_one_of_its_classes(metric, classes, value):
    assert metric(HAND_MADE, classes) == pytest.approx(value, abs=1e-15)
    assert metrics.mean_iu_reference(HAND_MADE) == pytest.approx((8 / 12 + 3 / 7) / 2, abs=1e-15)


@pytest.mark.parametrize("metric", FOUR)
def test_metrics_of_nothing_of_all_classes_and_of_one_more_that_is_nowhere(metric):
    assert metric(np.diag([5, 1, 7])) == 1
    assert metric(np.pad(HAND_MADE, (0, 1))) == metric(HAND_MADE, [0, 1]) == metric(HAND_MADE)
    assert math.isnan(metric(np.zeros((3, 3), int)))


def test_a_class_predicted_but_absent_from_the_truth_counts_in_the_references_mean_iu_alone():
    hist = np.array([[6, 0, 2, 0], [0, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(metrics.class_accuracy(hist), [0.75, 1, np.nan, np.nan])
    np.testing.assert_array_equal(metrics.class_iu(hist), [0.75, 1, 0, np.nan])
    assert metrics.mean_iu(hist) == metrics.mean_accuracy(hist) == pytest.approx((6 / 8 + 1) / 2)
    assert metrics.mean_iu_reference(hist) == pytest.approx((6 / 8 + 1 + 0) / 3)


def test_histograms_of_images_add_up_to_the_histogram_of_the_split():
    random = np.random.default_rng(1)
    truth, prediction = random.integers(0, 3, (2, 5, 8, 8))
    whole = metrics.histogram(truth, prediction, 3)
    assert np.array_equal(whole, sum(metrics.histogram(truth[i], prediction[i], 3) for i in range(5)))


def test_predicting_background_everywhere_on_voc_scores_a_mean_iu_of_about_three_percent():
    hist = np.zeros((21, 21), int)
    hist[:, 0] = [73_000] + [1_350] * 20  # three pixels in four of VOC are background
    assert metrics.mean_iu(hist) == pytest.approx(0.73 / 21, abs=1e-4)
