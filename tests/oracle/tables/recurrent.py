"""LSTM, RNN, LSTMUnit; the second pass goes on from the first one's state."""

from __future__ import annotations

from tests.oracle.layer_case import TEST, Bottom, LayerCase, cases, one_of

FILLED = 'weight_filler { type: "uniform" min: -0.7 max: 0.7 } bias_filler { type: "gaussian" std: 0.3 }'
INPUTS, CONT, STATIC = Bottom((4, 3, 5)), Bottom((4, 3), one_of(0, 1, 1)), Bottom((3, 2))
STATE = Bottom((1, 3, 6))
STATES = {"LSTM": 2, "RNN": 1}


def table() -> list[LayerCase]:
    """Sequences that begin and go on, static inputs, exposed states."""
    plain = f"recurrent_param {{ num_output: 6 {FILLED} }}"
    exposed = f"recurrent_param {{ num_output: 6 expose_hidden: true {FILLED} }}"
    deep = [Bottom((1, 2, 3, 2)), Bottom((1, 2), one_of(1))]
    unit = [Bottom((1, 3, 4)), Bottom((1, 3, 16)), Bottom((1, 3), one_of(0, 1))]
    found = cases("LSTMUnit", [unit], tops=2)
    for type_, count in STATES.items():
        states = [STATE] * count
        found += cases(type_, [[INPUTS, CONT], [INPUTS, CONT, STATIC], deep], [plain])
        found += cases(type_, [[INPUTS, CONT]], [plain], phase=TEST)
        found += cases(type_, [[INPUTS, CONT, *states], [INPUTS, CONT, STATIC, *states]], [exposed], tops=1 + count)
    return found
