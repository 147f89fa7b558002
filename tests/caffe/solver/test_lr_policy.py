"""The expected rates are real Caffe 1.0's, to the last bit of float32 (which %.9g identifies)."""

import math

import numpy as np
import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2, prototxt
from fcn_repro.caffe.solver.lr_policy import POLICIES, learning_rate, next_step

# fmt: off
RATES = {
    'lr_policy: "fixed" base_lr: 0.1': [0.100000001] * 4,
    'lr_policy: "step" base_lr: 0.1 gamma: 0.3 stepsize: 3': [
        0.100000001, 0.100000001, 0.100000001, 0.0300000012, 0.0300000012, 0.0300000012, 0.00900000054, 0.00900000054,
        0.00900000054, 0.0027000003],
    'lr_policy: "exp" base_lr: 0.1 gamma: 0.9': [
        0.100000001, 0.0899999961, 0.0810000002, 0.0728999972, 0.0656099916, 0.0590489917, 0.0531440936, 0.0478296801,
        0.0430467129, 0.0387420394, 0.0348678343, 0.031381052],
    'lr_policy: "inv" base_lr: 0.1 gamma: 0.1 power: 0.75': [
        0.100000001, 0.0931012481, 0.0872195885, 0.0821376964, 0.0776969492, 0.0737788007, 0.0702926666, 0.0671681389,
        0.0643495694, 0.0617923625, 0.0594603531, 0.057323873],
    'lr_policy: "multistep" base_lr: 0.1 gamma: 0.5 stepvalue: 2 stepvalue: 3 stepvalue: 7': [
        0.100000001, 0.100000001, 0.0500000007, 0.0250000004, 0.0250000004, 0.0250000004, 0.0250000004, 0.0125000002],
    'lr_policy: "multistep" base_lr: 0.1 gamma: 0.5 stepvalue: 2 stepvalue: 2 stepvalue: 2': [
        0.100000001, 0.100000001, 0.0500000007, 0.0250000004, 0.0125000002, 0.0125000002],
    'lr_policy: "poly" base_lr: 0.1 power: 0.9 max_iter: 10': [
        0.100000001, 0.0909532532, 0.0818052217, 0.0725417882, 0.063144587, 0.0535886772, 0.0438383296, 0.0338383503,
        0.0234923791, 0.0125892581, 0, math.nan],
    'lr_policy: "poly" base_lr: 0.1 power: 1.5 max_iter: 7': [
        0.100000001, 0.0793560073, 0.0603681616, 0.0431959368, 0.0280565824, 0.0152720688, 0.0053994921, 0, math.nan],
    'lr_policy: "sigmoid" base_lr: 0.1 gamma: 0.5 stepsize: 4': [
        0.0119202919, 0.0182425529, 0.0268941429, 0.03775407, 0.0500000007, 0.0622459352, 0.0731058642, 0.0817574486,
        0.0880797058, 0.0924141854, 0.0952574164, 0.0970687792],
}
# fmt: on


def solver_param(text: str):
    return prototxt.parse(text, caffe_pb2.SolverParameter, "solver.prototxt")


@pytest.mark.parametrize("text", RATES)
def test_rates_are_real_caffes(text):
    param, step, rates = solver_param(text), 0, []
    for iteration in range(len(RATES[text])):
        step = next_step(param, iteration, step)
        rates.append(learning_rate(param, iteration, step))
    np.testing.assert_array_equal(np.float32(rates), np.float32(RATES[text]))


def test_every_policy_has_expected_rates():
    assert {solver_param(text).lr_policy for text in RATES} == set(POLICIES)


def test_multistep_rises_by_one_per_evaluation_however_late_it_is():
    param = solver_param('lr_policy: "multistep" base_lr: 1 gamma: 0.1 stepvalue: 10 stepvalue: 20 stepvalue: 30')
    steps = [0]
    for _ in range(4):
        steps.append(next_step(param, 25, steps[-1]))
    assert steps == [0, 1, 2, 2, 2]


def test_poly_without_max_iter_is_nan():
    assert math.isnan(learning_rate(solver_param('lr_policy: "poly" base_lr: 1 power: 1'), 0, 0))


@pytest.mark.parametrize(
    ("policy", "more", "complaint"),
    [
        *((policy, "gamma: -0.5 stepsize: 2", f"'{policy}' has gamma -0.5; expected 0 or more")
          for policy in ("step", "exp", "inv", "multistep", "sigmoid")),
        *((policy, "gamma: 0.5", f"'{policy}' has stepsize 0; expected more than 0") for policy in ("step", "sigmoid")),
        ("cosine", "", "unknown lr_policy 'cosine'; known policies: fixed, step, .*, sigmoid"),
    ],
)  # fmt: skip
def test_refuses_policies_that_caffe_refuses(policy, more, complaint):
    param = solver_param(f'lr_policy: "{policy}" base_lr: 1 {more}')
    with pytest.raises(CaffeError, match=complaint):
        learning_rate(param, 0, next_step(param, 0, 0))
