import itertools

import pytest

from tests.oracle.comparison import Compare
from tests.oracle.solver_cases import LIMIT, POLICIES, TYPES, solver_text, train_case

EXTRAS = [
    "",
    "weight_decay: 0.01",
    "weight_decay: 0.01 regularization_type: 'L1'",
    "iter_size: 3",
    "clip_gradients: 0.5",
    "iter_size: 2 clip_gradients: 0.3 weight_decay: 0.005",
    "average_loss: 20 weight_decay: 0.02",
]
# Every type with every policy, and every type with every extra.
SOLVERS = [
    (type_, policy, EXTRAS[(i + j) % len(EXTRAS)])
    for (i, type_), (j, policy) in itertools.product(enumerate(TYPES), enumerate(POLICIES))
]
# Test passes draw random numbers too, and so change the training data, in both engines alike.
TESTS = "display: 5 test_interval: 10 test_iter: 2 test_initialization: true"


@pytest.mark.parametrize(("type_", "policy", "extra"), SOLVERS)
def test_two_hundred_steps_give_caffes_weights(type_: str, policy: str, extra: str, compare: Compare):
    compare("Solvers, 200 steps", type_, train_case(solver_text(type_, policy, extra)), LIMIT)


def test_clipping_to_zero_stops_training(compare: Compare):
    compare("Solvers, 200 steps", "SGD", train_case(solver_text("SGD", "fixed", "clip_gradients: 0"), [3]), LIMIT)


@pytest.mark.parametrize("type_", TYPES)
def test_display_and_test_passes_do_not_change_training(type_: str, compare: Compare):
    compare(
        "Solvers, 200 steps", f"{type_} with test passes", train_case(solver_text(type_, "step", TESTS), [25]), LIMIT
    )
