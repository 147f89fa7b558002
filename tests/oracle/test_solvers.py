import itertools

import pytest

from tests.oracle.comparison import Record
from tests.oracle.oracle import Case, Oracle, run_ours

TYPES = {
    "SGD": "momentum: 0.9",
    "Nesterov": "momentum: 0.9",
    "AdaGrad": "delta: 1e-6",
    "RMSProp": "rms_decay: 0.95 delta: 1e-6",
    "AdaDelta": "momentum: 0.95 delta: 1e-6",
    "Adam": "momentum: 0.9 momentum2: 0.99 delta: 1e-6",
}
RATES = {"SGD": 0.02, "Nesterov": 0.02, "AdaGrad": 0.02, "RMSProp": 0.005, "AdaDelta": 1.0, "Adam": 0.005}
POLICIES = {
    "fixed": "",
    "step": "gamma: 0.5 stepsize: 60",
    "exp": "gamma: 0.99",
    "inv": "gamma: 0.01 power: 0.75",
    "multistep": "gamma: 0.3 stepvalue: 40 stepvalue: 110",
    "poly": "power: 1.5 max_iter: 250",
    "sigmoid": "gamma: 0.05 stepsize: 100",
}
EXTRAS = [
    "",
    "weight_decay: 0.01",
    "weight_decay: 0.01 regularization_type: 'L1'",
    "iter_size: 3",
    "clip_gradients: 0.5",
    "iter_size: 2 clip_gradients: 0.3 weight_decay: 0.005",
    "average_loss: 20 weight_decay: 0.02",
]
STEPS = [1, 2, 17, 80, 100]  # step() is called with each, and what it left is compared
LIMIT = 2e-5

# Fresh random data in every pass, from the stream that both engines share. Every kind of multiplier is there, and two
# layers share a weight.
NET = """
layer { name: "data" type: "DummyData" top: "x" top: "y"
  dummy_data_param { shape { dim: 4 dim: 6 } shape { dim: 4 dim: 3 } data_filler { type: "gaussian" } data_filler { type: "uniform" } } }
layer { name: "ip1" type: "InnerProduct" bottom: "x" top: "h1" param { name: "w" lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
  inner_product_param { num_output: 6 weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.1 } } }
layer { name: "tanh" type: "TanH" bottom: "h1" top: "h1" }
layer { name: "ip2" type: "InnerProduct" bottom: "h1" top: "h2" param { name: "w" }
  inner_product_param { num_output: 6 weight_filler { type: "xavier" } } }
layer { name: "scale" type: "Scale" bottom: "h2" top: "h3" param { lr_mult: 0 } param { lr_mult: 0.5 }
  scale_param { bias_term: true filler { value: 0.9 } } }
layer { name: "ip3" type: "InnerProduct" bottom: "h3" top: "z" inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 0.2 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "z" bottom: "y" top: "loss" }
"""  # noqa: E501 - prototxt


def trajectory(solver: str, steps: list[int] | None = None, **more) -> Case:
    return Case("train", {"net_text": NET, "solver_text": f"random_seed: 7 {solver}", "steps": steps or STEPS, **more})


def solver_text(type_: str, policy: str, extra: str) -> str:
    return f"type: '{type_}' {TYPES[type_]} base_lr: {RATES[type_]} lr_policy: '{policy}' {POLICIES[policy]} {extra}"


def choices() -> list[tuple[str, str, str]]:
    """Every type with every policy and with every extra, without all three at once."""
    return [
        (type_, policy, EXTRAS[(first + second) % len(EXTRAS)])
        for (first, type_), (second, policy) in itertools.product(enumerate(TYPES), enumerate(POLICIES))
    ]


@pytest.mark.parametrize(("type_", "policy", "extra"), choices())
def test_two_hundred_steps_end_where_caffes_do(type_: str, policy: str, extra: str, oracle: Oracle, record: Record):
    case = trajectory(solver_text(type_, policy, extra))
    record.check("Solvers, 200 steps", type_, run_ours(case), oracle.run(case), LIMIT)


def test_clipping_to_nothing_stops_all_learning(oracle: Oracle, record: Record):
    case = trajectory(solver_text("SGD", "fixed", "clip_gradients: 0"), [3])
    record.check("Solvers, 200 steps", "SGD", run_ours(case), oracle.run(case), LIMIT)


@pytest.mark.parametrize("type_", TYPES)
def test_displays_and_tests_change_nothing(type_: str, oracle: Oracle, record: Record):
    """Tests draw random numbers too, so they shift what training sees, in both engines alike."""
    extra = "display: 5 test_interval: 10 test_iter: 2 test_initialization: true"
    case = trajectory(solver_text(type_, "step", extra), [25])
    record.check("Solvers, 200 steps", f"{type_} with tests in between", run_ours(case), oracle.run(case), LIMIT)
