"""LSTMUnit."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.layers.recurrent.lstm_cell import lstm_cell
from fcn_repro.caffe.synced_memory import Shape


class LSTMUnit(Layer):
    """One time step of an LSTM without its weights.

    Shapes
        bottom[0]   (1, N, H) cell state before   bottom[1] (1, N, 4H) gate inputs   bottom[2] (1, N) 0: sequence begins
        top[0]      (1, N, H) cell state          top[1]    (1, N, H) hidden state
    Source   caffe 9b89154 lstm_unit_layer.cpp
    """

    bottoms = exactly(3)
    tops = exactly(2)

    def allow_force_backward(self, bottom_index: int) -> bool:
        """Sequence markers get no gradient."""
        return bottom_index != 2

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        cell, gates, cont = bottom
        if len(cell) != 3 or cell[0] != 1 or gates != (1, cell[1], 4 * cell[2]) or cont != cell[:2]:
            raise self.error(
                f"has bottoms of shapes {list(cell)}, {list(gates)} and {list(cont)}; "
                "expected (1, N, H), (1, N, 4H) and (1, N)"
            )
        return [cell, cell]

    def compute(self, *bottom: Tensor) -> tuple[Tensor, ...]:
        cell, gates, cont = bottom
        self._step = lstm_cell(cell[0], gates[0], cont[0])
        return self._step.c.unsqueeze(0), self._step.h.unsqueeze(0)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        self.refuse_gradient(wanted, 2, "sequence markers")
        d_cell, d_gates = self._step.gradients(top_diff[0][0], top_diff[1][0])
        return [d_cell.unsqueeze(0), d_gates.unsqueeze(0), None]
