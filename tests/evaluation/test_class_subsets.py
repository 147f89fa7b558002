import numpy as np
import pytest

from fcn_repro.datasets import DATASETS
from fcn_repro.evaluation import class_subsets, metrics
from fcn_repro.evaluation.class_subsets import Subset

RANDOM = np.random.default_rng(3)
TRUTH, SCORE = RANDOM.integers(0, 4, (1, 9, 11)), RANDOM.normal(size=(1, 4, 9, 11))
CLASSES = (3, 1)


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


def test_the_three_ways_agree_with_counting_pixels_and_differ():
    """The subset {1, 3} of four classes: other predictions count against it, or they are left out, or never made."""
    hist = metrics.histogram(TRUTH, SCORE.argmax(1), 4)
    chosen = metrics.histogram(TRUTH, class_subsets.predict_within(SCORE, CLASSES), 4)
    ways = class_subsets.score_subset(hist, Subset(CLASSES, class_subsets.select_truth(chosen, CLASSES)))
    own, best = np.isin(TRUTH, CLASSES), np.where(SCORE[:, 3] > SCORE[:, 1], 3, 1)
    by_counting = {
        "class_left_out": expected(TRUTH, SCORE.argmax(1)),
        "pixels_left_out": expected(TRUTH[own], SCORE.argmax(1)[own]),
        "never_predicted": expected(TRUTH[own], best[own]),
    }
    assert ways == {name: pytest.approx(scores, abs=1e-15) for name, scores in by_counting.items()}
    assert len({round(way["mean_iu"], 6) for way in ways.values()}) == len(class_subsets.WAYS) == 3


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
