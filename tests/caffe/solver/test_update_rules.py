"""Updates of all solver types, against a simulation in float64."""

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.solver.update_rules import SOLVER_TYPES
from tests.fixtures.least_squares import Simulation, make_solver, solver_file

TYPES = {
    "SGD": dict(momentum=0.9),
    "Nesterov": dict(momentum=0.9),
    "AdaGrad": dict(delta=0.01),
    "RMSProp": dict(rms_decay=0.8, delta=0.01),
    "AdaDelta": dict(momentum=0.95, delta=0.001),
    "Adam": dict(momentum=0.9, momentum2=0.99),
}
VARIANTS = {
    "plain": {},
    "L2": dict(weight_decay=0.5),
    "L1": dict(weight_decay=0.5, regularization_type="L1"),
    "iter_size": dict(iter_size=3, weight_decay=0.1),
    "clipped": dict(clip_gradients=1.5),
    "clipped before it is divided and decayed": dict(clip_gradients=1.5, iter_size=2, weight_decay=0.5),
    "clipped to nothing": dict(clip_gradients=0, weight_decay=0.5),
    "not clipped": dict(clip_gradients=1000),
}


def agree(solver: caffe.SGDSolver, simulation: Simulation, rates: list[float]) -> None:
    """Train both side by side; compare parameters, and what was subtracted last."""
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
def test_updates_are_those_of_the_formulas(tmp_path, type_, variant):
    options = {"type": type_, **TYPES[type_], **variant}
    agree(make_solver(tmp_path, options), Simulation(options), [0.1] * 6)


@pytest.mark.parametrize("type_", TYPES)
def test_the_history_is_not_rescaled_when_the_rate_changes(tmp_path, type_):
    options = {"type": type_, **TYPES[type_]}
    schedule = dict(lr_policy="step", gamma=0.1, stepsize=2)
    agree(make_solver(tmp_path, {**options, **schedule}), Simulation(options), [0.1, 0.1, 0.01, 0.01, 0.001])


@pytest.mark.parametrize("type_", TYPES)
def test_multipliers_are_each_parameters_own(tmp_path, type_):
    options, multipliers = {"type": type_, **TYPES[type_], "weight_decay": 0.5}, ((0.5, 2), (3, 0.25))
    agree(make_solver(tmp_path, options, multipliers), Simulation(options, multipliers), [0.1] * 4)


@pytest.mark.parametrize("type_", TYPES)
def test_defaults_are_caffes(tmp_path, type_):
    """No momentum, delta 1e-8, rms_decay 0.99, momentum2 0.999."""
    agree(make_solver(tmp_path, {"type": type_}), Simulation({"type": type_}), [0.1] * 4)


@pytest.mark.parametrize("type_", TYPES)
def test_a_frozen_parameter_stays_and_its_diff_is_its_update(tmp_path, type_):
    options, multipliers = {"type": type_, **TYPES[type_], "weight_decay": 0.5}, ((0, 1), (1, 1))
    solver = make_solver(tmp_path, options, multipliers)
    before = solver.net.params["ip"][0].data.copy()
    solver.step(3)
    weight, bias = solver.net.params["ip"]
    np.testing.assert_array_equal(weight.data, before)
    assert not weight.diff.any() and bias.diff.any()
    history = solver.history[0].data  # where gradients are remembered, a frozen parameter's decay is one
    assert history.any() == (type_ not in ("SGD", "Nesterov"))


def test_a_frozen_parameter_costs_no_memory_with_sgd(tmp_path):
    solver = make_solver(tmp_path, dict(momentum=0.9, weight_decay=0.5), ((0, 1), (1, 1)))
    solver.step(2)
    assert solver.history[0].is_blank and solver.net.params["ip"][0].gradient_is_blank


def test_a_parameter_frozen_by_the_rate_alone_takes_part_again(tmp_path):
    solver, simulation = make_solver(tmp_path, dict(momentum=0.9)), Simulation(dict(momentum=0.9))
    for rate in (0.1, 0, 0.2):
        solver.param.base_lr = rate
        agree(solver, simulation, [rate])


def test_a_new_base_lr_counts_from_the_next_update(tmp_path):
    solver, simulation = make_solver(tmp_path, {}), Simulation({})
    agree(solver, simulation, [0.1])
    solver.param.base_lr = 0.25
    assert solver.lr == np.float32(0.25)
    agree(solver, simulation, [0.25])


def test_the_norm_that_is_clipped_is_that_of_all_gradients_even_of_frozen_parameters(tmp_path):
    """force_backward computes the gradient of a parameter whose lr_mult is 0, and clipping counts it."""
    options = dict(clip_gradients=1.5)
    solver = make_solver(tmp_path, options, ((0, 1), (1, 1)), "force_backward: true")
    solver.step(1)
    _, update = Simulation(options, ((1, 1), (1, 1))).step(0.1)
    np.testing.assert_allclose(solver.net.params["ip"][1].diff, update, rtol=1e-5)


# ---- refusals


@pytest.mark.parametrize("type_", ["AdaGrad", "RMSProp"])
def test_refuses_momentum_where_there_is_none(tmp_path, type_):
    path = solver_file(tmp_path, dict(type=type_, momentum=0.9))
    with pytest.raises(CaffeError, match=f"solver.prototxt: {type_}Solver takes no momentum; the file has 0.9"):
        caffe.get_solver(path)


@pytest.mark.parametrize(("type_", "name"), [("RMSProp", "rms_decay"), ("Adam", "momentum"), ("Adam", "momentum2")])
@pytest.mark.parametrize("value", [-0.5, 1.0])
def test_refuses_a_decay_outside_0_to_1(tmp_path, type_, name, value):
    path = solver_file(tmp_path, {"type": type_, name: value})
    with pytest.raises(CaffeError, match=f"solver.prototxt: {name} is {value:g}; expected 0 or more and less than 1"):
        caffe.get_solver(path)


def test_refuses_an_unknown_type_and_lists_the_known(tmp_path):
    with pytest.raises(CaffeError, match="solver.prototxt: unknown solver type 'Sgd'; known types: SGD, .*, Adam"):
        caffe.get_solver(solver_file(tmp_path, dict(type="Sgd")))


def test_refuses_an_unknown_regularization_once_there_is_decay(tmp_path):
    make_solver(tmp_path, dict(regularization_type="L3")).step(1)
    with pytest.raises(CaffeError, match="unknown regularization_type 'L3'; expected L2 or L1"):
        make_solver(tmp_path, dict(regularization_type="L3", weight_decay=0.1)).step(1)
