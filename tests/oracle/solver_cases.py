"""Solvers of every type and policy, and a small net that they train."""

from typing import Any

from tests.oracle.oracle import Case

TYPES = {
    "SGD": "momentum: 0.9 base_lr: 0.02",
    "Nesterov": "momentum: 0.9 base_lr: 0.02",
    "AdaGrad": "delta: 1e-6 base_lr: 0.02",
    "RMSProp": "rms_decay: 0.95 delta: 1e-6 base_lr: 0.005",
    "AdaDelta": "momentum: 0.95 delta: 1e-6 base_lr: 1.0",
    "Adam": "momentum: 0.9 momentum2: 0.99 delta: 1e-6 base_lr: 0.005",
}
POLICIES = {
    "fixed": "",
    "step": "gamma: 0.5 stepsize: 60",
    "exp": "gamma: 0.99",
    "inv": "gamma: 0.01 power: 0.75",
    "multistep": "gamma: 0.3 stepvalue: 40 stepvalue: 110",
    "poly": "power: 1.5 max_iter: 250",
    "sigmoid": "gamma: 0.05 stepsize: 100",
}
STEPS = [1, 2, 17, 80, 100]  # a step() call for each; the weights are compared after every call
LIMIT = 2e-5

# Every pass draws new data from the random stream of the engine. The net has every kind of multiplier, and two layers
# share a weight.
NET = """
layer { name: "data" type: "DummyData" top: "x" top: "y" dummy_data_param {
  shape { dim: 4 dim: 6 } shape { dim: 4 dim: 3 } data_filler { type: "gaussian" } data_filler { type: "uniform" } } }
layer { name: "ip1" type: "InnerProduct" bottom: "x" top: "h1"
  param { name: "w" lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
  inner_product_param { num_output: 6 weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.1 } } }
layer { name: "tanh" type: "TanH" bottom: "h1" top: "h1" }
layer { name: "ip2" type: "InnerProduct" bottom: "h1" top: "h2" param { name: "w" }
  inner_product_param { num_output: 6 weight_filler { type: "xavier" } } }
layer { name: "scale" type: "Scale" bottom: "h2" top: "h3" param { lr_mult: 0 } param { lr_mult: 0.5 }
  scale_param { bias_term: true filler { value: 0.9 } } }
layer { name: "ip3" type: "InnerProduct" bottom: "h3" top: "z"
  inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 0.2 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "z" bottom: "y" top: "loss" }
"""


def train_case(solver: str, steps: list[int] | None = None, **more: Any) -> Case:
    """Train NET by a solver text, with the seed that all cases share."""
    return Case("train", {"net_text": NET, "solver_text": f"random_seed: 7 {solver}", "steps": steps or STEPS, **more})


def solver_text(type_: str, policy: str, extra: str) -> str:
    """The solver of a type with a policy and further fields."""
    return f"type: '{type_}' {TYPES[type_]} lr_policy: '{policy}' {POLICIES[policy]} {extra}"
