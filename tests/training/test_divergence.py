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


def test_a_loss_that_stays_at_ln_of_the_classes_is_named_once():
    (finding,) = observe(watch(), [math.log(21)] * 1000)
    assert "ln(21) = 3.0445" in finding
    assert "interpolated" in finding


def test_a_loss_that_starts_at_ln_of_the_classes_and_falls_is_not_reported():
    assert observe(watch(), np.linspace(math.log(21), 1, 1000)) == []


def test_noise_around_ln_of_the_classes_does_not_hide_it():
    noise = np.random.default_rng(0).normal(size=400) * 0.1
    assert len(observe(watch(), math.log(21) + noise)) == 1


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_of_nan_or_infinity_stops_training(loss):
    with pytest.raises(divergence.Diverged, match=f"loss is {loss} at iteration 4003"):
        observe(watch(), [3.0, 9.0, loss])


def test_a_saturated_loss_stops_training():
    with pytest.raises(divergence.Diverged, match="cannot be larger than 87.3"):
        observe(watch(), [3.0] + [87.33] * 60)


def test_a_rate_for_averaged_losses_on_a_summed_one_is_named_as_the_cause():
    with pytest.raises(
        divergence.Diverged, match=r"summed over pixels .*base_lr 0\.0001.* suits a loss averaged over pixels"
    ):
        observe(watch(base_lr=1e-4), [math.nan])


def test_a_rate_for_summed_losses_on_an_averaged_one_is_named_as_the_cause():
    (finding,) = observe(watch("VALID", base_lr=1e-10), [math.log(21)] * 300)
    assert "That rate suits a loss summed over pixels" in finding


def test_heavy_momentum_on_an_averaged_loss_is_compared_with_the_references():
    with pytest.raises(divergence.Diverged, match=r"momentum 0\.99\. The reference uses 1e-4 with momentum 0\.9"):
        observe(watch("VALID", base_lr=1e-4), [math.nan])


def test_predicting_one_class_everywhere_is_named():
    hist = np.zeros((3, 3), int)
    hist[:, 0] = 90, 5, 5
    finding = divergence.check_predictions(Score(hist, 0.0))
    assert "every pixel was predicted to be of class 0, which gives a mean IU of 0.3000" in finding


def test_predicting_two_classes_is_not_reported():
    assert divergence.check_predictions(Score(np.diag([1, 1, 0]), 0.0)) is None
