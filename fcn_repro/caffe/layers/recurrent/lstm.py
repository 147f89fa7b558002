"""LSTM."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fcn_repro.caffe.layers.recurrent.lstm_cell import lstm_cell
from fcn_repro.caffe.layers.recurrent.recurrent import Recurrent


class LSTM(Recurrent):
    """Long short-term memory: hidden states of all time steps.

    Shapes   see Recurrent; four gates (i, f, o, g), two states (hidden before cell)
    Source   caffe 9b89154 lstm_layer.cpp
    """

    gates = 4
    states = 2

    def unroll(self, inputs: Tensor, cont: Tensor, before: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        weight = self.blobs[self._state_weights].tensor
        h, c = before
        self._inputs, self._cells = [], []  # per step: its input state and its results
        for step_inputs, step_cont in zip(inputs, cont, strict=True):
            self._inputs.append(h * step_cont.unsqueeze(1))
            cell = lstm_cell(c, step_inputs + self._inputs[-1] @ weight.t(), step_cont)
            self._cells.append(cell)
            h, c = cell.h, cell.c
        return torch.stack([cell.h for cell in self._cells]), [h, c]

    def unroll_gradients(self, cont: Tensor, d_output: Tensor) -> Tensor:
        weight = self.blobs[self._state_weights].tensor
        d_inputs = d_output.new_empty(*cont.shape, len(weight))
        dh_next, dc_next = torch.zeros_like(d_output[0]), torch.zeros_like(d_output[0])
        for t in reversed(range(len(cont))):
            dc_next, d_inputs[t] = self._cells[t].gradients(dc_next, d_output[t] + dh_next)
            dh_next = d_inputs[t] @ weight * cont[t].unsqueeze(1)
        self.accumulate(self._state_weights, d_inputs.flatten(0, 1).t() @ torch.cat(self._inputs))
        return d_inputs
