"""Updates of all solver types against a float64 simulation."""

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.solver.update_rules import SOLVER_TYPES
from tests.fixtures.least_squares import SOLVER_OPTIONS as TYPES
from tests.fixtures.least_squares import Simulation, make_solver, solver_file

VARIANTS = {
    "plain": {},
    "L2": dict(weight_decay=0.5),
    "L1": dict(weight_decay=0.5, regularization_type="L1"),
    "iter_size": dict(iter_size=3, weight_decay=0.1),
    "clipped": dict(clip_gradients=1.5),
    "clipped before it is divided and decayed": dict(clip_gradients=1.5, iter_size=2, weight_decay=0.5),
    "clipped to zero": dict(clip_gradients=0, weight_decay=0.5),
    "not clipped": dict(clip_gradients=1000),
}


def compare(solver: caffe.SGDSolver, simulation: Simulation, rates: list[float]) -> None:
    """Train both; compare parameters and last updates."""
    for rate in rates:
        solver.step(1)
        updates = simulation.step(rate)
        for blob, param, update in zip(solver.net.params["ip"], simulation.params, updates, strict=True):
            np.testing.assert_allclose(blob.data, param, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(blob.diff, update, rtol=1e-3, atol=1e-5)


def test_every_type_is_tested():
    assert set(TYPES) == set(SOLVER_TYPES)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("type_", TYPES)
def test_updates_follow_the_formulas(tmp_path, type_, variant):
    options = {"type": type_, **TYPES[type_], **variant}
    compare(make_solver(tmp_path, options), Simulation(options), [0.1] * 6)


@pytest.mark.parametrize("type_", TYPES)
def test_defaults_rates_and_multipliers_are_caffes(tmp_path, type_):
    """No momentum, delta 1e-8, rms_decay 0.99, momentum2 0.999; a new rate does not rescale the history."""
    compare(make_solver(tmp_path, {"type": type_}), Simulation({"type": type_}), [0.1] * 4)
    options = {"type": type_, **TYPES[type_]}
    schedule = dict(lr_policy="step", gamma=0.1, stepsize=2)
    compare(make_solver(tmp_path, {**options, **schedule}), Simulation(options), [0.1, 0.1, 0.01, 0.01, 0.001])
    options, multipliers = {**options, "weight_decay": 0.5}, ((0.5, 2), (3, 0.25))
    compare(make_solver(tmp_path, options, multipliers), Simulation(options, multipliers), [0.1] * 4)


@pytest.mark.parametrize("type_", TYPES)
def test_a_frozen_parameter_is_constant_and_its_diff_is_its_update(tmp_path, type_):
    options, multipliers = {"type": type_, **TYPES[type_], "weight_decay": 0.5}, ((0, 1), (1, 1))
    solver = make_solver(tmp_path, options, multipliers)
    before = solver.net.params["ip"][0].data.copy()
    solver.step(3)
    weight, bias = solver.net.params["ip"]
    np.testing.assert_array_equal(weight.data, before)
    assert not weight.diff.any() and bias.diff.any()
    history = solver.history[0].data  # a history of gradients counts a frozen parameter's decay
    assert history.any() == (type_ not in ("SGD", "Nesterov"))


def test_a_frozen_parameter_costs_no_memory_with_sgd(tmp_path):
    solver = make_solver(tmp_path, dict(momentum=0.9, weight_decay=0.5), ((0, 1), (1, 1)))
    solver.step(2)
    assert solver.history[0].is_blank and solver.net.params["ip"][0].gradient_is_blank


def test_a_parameter_frozen_by_the_rate_can_be_trained_again(tmp_path):
    solver, simulation = make_solver(tmp_path, dict(momentum=0.9)), Simulation(dict(momentum=0.9))
    for rate in (0.1, 0, 0.2):
        solver.param.base_lr = rate
        assert solver.lr == np.float32(rate)
        compare(solver, simulation, [rate])


def test_clipping_counts_all_gradients_even_of_frozen_parameters(tmp_path):
    """force_backward computes the gradient of a parameter whose lr_mult is 0, and clipping counts it."""
    options = dict(clip_gradients=1.5)
    solver = make_solver(tmp_path, options, ((0, 1), (1, 1)), "force_backward: true")
    solver.step(1)
    _, update = Simulation(options, ((1, 1), (1, 1))).step(0.1)
    np.testing.assert_allclose(solver.net.params["ip"][1].diff, update, rtol=1e-5)


# ---- refusals

DECAYS = [("RMSProp", "rms_decay"), ("Adam", "momentum"), ("Adam", "momentum2")]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        *((dict(type=type_, momentum=0.9), f"{type_}Solver takes no momentum; got 0.9")
          for type_ in ("AdaGrad", "RMSProp")),
        *(({"type": type_, name: value}, f"{name} is {value:g}; expected 0 or more and less than 1")
          for type_, name in DECAYS for value in (-0.5, 1.0)),
        (dict(type="Sgd"), "unknown solver type 'Sgd'; known types: SGD, .*, Adam"),
    ],
)  # fmt: skip
def test_refuses_options_by_name(tmp_path, options, complaint):
    with pytest.raises(CaffeError, match=f"solver.prototxt: {complaint}"):
        caffe.get_solver(solver_file(tmp_path, options))


def test_refuses_an_unknown_regularization_with_decay(tmp_path):
    make_solver(tmp_path, dict(regularization_type="L3")).step(1)
    with pytest.raises(CaffeError, match="unknown regularization_type 'L3'; expected L2 or L1"):
        make_solver(tmp_path, dict(regularization_type="L3", weight_decay=0.1)).step(1)
