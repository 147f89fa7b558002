import math

import numpy as np
import pytest

from fcn_repro.engine import caffe
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.model.loss_heads import Head
from fcn_repro.training import divergence


def watch(normalization="BATCH_SIZE", base_lr=1e-10, momentum=0.99):
    head = Head("score", "label", "loss", 255, normalization, 1.0)
    solver = caffe.proto.caffe_pb2.SolverParameter(base_lr=base_lr, momentum=momentum)
    return divergence.LossWatch(head, 21, solver)


def observe(loss_watch, losses):
    return [finding for finding in map(loss_watch.observe, range(4001, 9000), losses) if finding]


def test_a_loss_that_stays_at_ln_of_the_classes_is_reported_once_despite_noise():
    (finding,) = observe(watch(), [math.log(21)] * 1000)
    assert "ln(21) = 3.0445" in finding and "interpolated" in finding
    noise = np.random.default_rng(0).normal(size=400) * 0.1
    assert len(observe(watch(), math.log(21) + noise)) == 1
    assert observe(watch(), np.linspace(math.log(21), 1, 1000)) == []  # it falls


@pytest.mark.parametrize(
    "options, losses, message",
    [
        ({}, [3.0, 9.0, math.nan], "loss is nan at iteration 4003"),
        ({}, [3.0, 9.0, math.inf], "loss is inf at iteration 4003"),
        ({}, [3.0] + [87.33] * 60, "cannot be larger than 87.3"),
        ({"base_lr": 1e-4}, [math.nan], r"summed over pixels .*base_lr 0\.0001.* suits a loss averaged over pixels"),
        (
            {"normalization": "VALID", "base_lr": 1e-4},
            [math.nan],
            r"momentum 0\.99\. The reference uses 1e-4 with momentum 0\.9",
        ),
    ],
)
def test_a_loss_of_nan_infinity_or_the_largest_float_stops_training_and_the_cause_is_named(options, losses, message):
    with pytest.raises(divergence.Diverged, match=message):
        observe(watch(**options), losses)


def test_a_rate_for_summed_losses_on_an_averaged_one_is_named_as_the_cause():
    (finding,) = observe(watch("VALID", base_lr=1e-10), [math.log(21)] * 300)
    assert "That rate suits a loss summed over pixels" in finding


def test_predicting_one_class_everywhere_is_reported_but_not_two():
    hist = np.zeros((3, 3), int)
    hist[:, 0] = 90, 5, 5
    finding = divergence.check_predictions(Score(hist, 0.0))
    assert "every pixel was predicted to be of class 0, which gives a mean IU of 0.3000" in finding
    assert divergence.check_predictions(Score(np.diag([1, 1, 0]), 0.0)) is None
