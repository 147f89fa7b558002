import numpy as np
import pytest

from fcn_repro.datasets import DATASETS
from fcn_repro.evaluation import class_subsets, metrics
from fcn_repro.evaluation.class_subsets import Subset

RANDOM = np.random.default_rng(3)
TRUTH, SCORE = RANDOM.integers(0, 4, (1, 9, 11)), RANDOM.normal(size=(1, 4, 9, 11))
CLASSES = (3, 1)


@pytest.fixture
def counted():
    """The scores of the subset {1, 3} of four classes, by way of counting."""
    hist = metrics.histogram(TRUTH, SCORE.argmax(1), 4)
    chosen = metrics.histogram(TRUTH, class_subsets.predict_within(SCORE, CLASSES), 4)
    return class_subsets.score_subset(hist, Subset(CLASSES, class_subsets.select_truth(chosen, CLASSES)))


def iu(truth, prediction, label):
    return ((truth == label) & (prediction == label)).sum() / ((truth == label) | (prediction == label)).sum()


def expected(truth, prediction):
    """The four metrics of the subset over the pixels given, by counting them."""
    own = np.isin(truth, CLASSES)
    shares = [(truth == label).sum() / own.sum() for label in CLASSES]
    accuracies = [(prediction[truth == label] == label).mean() for label in CLASSES]
    ius = [iu(truth, prediction, label) for label in CLASSES]
    return {
        "pixel_accuracy": (prediction == truth)[own].mean(),
        "mean_accuracy": np.mean(accuracies),
        "mean_iu": np.mean(ius),
        "fw_iu": np.dot(shares, ius),
    }


def test_with_the_class_left_out_other_pixels_count_against_it(counted):
    assert counted["class_left_out"] == pytest.approx(expected(TRUTH, SCORE.argmax(1)), abs=1e-15)


def test_with_the_pixels_left_out_they_are_not_looked_at(counted):
    own = np.isin(TRUTH, CLASSES)
    assert counted["pixels_left_out"] == pytest.approx(expected(TRUTH[own], SCORE.argmax(1)[own]), abs=1e-15)


def test_with_other_classes_never_predicted_the_best_of_the_subset_is(counted):
    own = np.isin(TRUTH, CLASSES)
    best = np.where(SCORE[:, 3] > SCORE[:, 1], 3, 1)
    assert counted["never_predicted"] == pytest.approx(expected(TRUTH[own], best[own]), abs=1e-15)


def test_the_three_ways_differ(counted):
    assert len({round(way["mean_iu"], 6) for way in counted.values()}) == len(class_subsets.WAYS) == len(counted)


def test_a_subset_of_all_classes_scores_as_the_whole():
    hist, every = metrics.histogram(TRUTH, SCORE.argmax(1), 4), (0, 1, 2, 3)
    whole = {name: metric(hist) for name, metric in metrics.METRICS.items()}
    chosen = metrics.histogram(TRUTH, class_subsets.predict_within(SCORE, every), 4)
    assert all(way == whole for way in class_subsets.score_subset(hist, Subset(every, chosen)).values())


def test_pascal_contexts_tasks_are_of_59_and_33_classes_and_never_of_background():
    facts = DATASETS["pascalcontext"]
    assert {name: len(set(classes)) for name, classes in facts.subsets.items()} == {"59 classes": 59, "33 classes": 33}
    easier = {facts.class_names[label] for label in facts.subsets["33 classes"]}
    assert {"aeroplane", "tvmonitor", "sky", "keyboard", "ceiling"} < easier and "background" not in easier
    assert not {"bag", "window", "wood"} & easier
