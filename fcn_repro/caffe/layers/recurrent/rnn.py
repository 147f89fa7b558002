"""RNN."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fcn_repro.caffe.layers.recurrent.recurrent import Recurrent
from fcn_repro.caffe.synced_memory import Shape


class RNN(Recurrent):
    """The plain recurrent net: h = tanh(inputs + W_h h), output tanh(W_o h + b_o).

    Shapes   see Recurrent; one gate, one state; two more blobs: output weights (H, H) and bias (H)
    Source   caffe 9b89154 rnn_layer.cpp
    """

    gates = 1
    states = 1

    def prepare(self, *bottom: Shape) -> None:
        super().prepare(*bottom)
        param = self.param.recurrent_param
        self.add_blob((param.num_output, param.num_output), param.weight_filler)
        self.add_blob((param.num_output,), param.bias_filler)

    def unroll(self, inputs: Tensor, cont: Tensor, before: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        weight, out_weight, out_bias = (self.blobs[self._state_weights + k].tensor for k in range(3))
        h = before[0]
        self._inputs, hidden = [], []  # per step: its input state and its output state
        for step_inputs, step_cont in zip(inputs, cont, strict=True):
            self._inputs.append(h * step_cont.unsqueeze(1))
            h = torch.tanh(step_inputs + self._inputs[-1] @ weight.t())
            hidden.append(h)
        self._hidden = torch.stack(hidden)
        self._output = torch.tanh(self._hidden @ out_weight.t() + out_bias)
        return self._output.clone(), [h]

    def unroll_gradients(self, cont: Tensor, d_output: Tensor) -> Tensor:
        weight, out_weight = (self.blobs[self._state_weights + k].tensor for k in range(2))
        d_out = (d_output * (1 - self._output.square())).flatten(0, 1)
        self.accumulate(self._state_weights + 1, d_out.t() @ self._hidden.flatten(0, 1))
        self.accumulate(self._state_weights + 2, d_out.sum(0))
        d_hidden = (d_out @ out_weight).view(self._hidden.shape)
        d_inputs = torch.empty_like(self._hidden)
        d_next = torch.zeros_like(d_hidden[0])
        for t in reversed(range(len(cont))):
            d_inputs[t] = (d_hidden[t] + d_next) * (1 - self._hidden[t].square())
            d_next = d_inputs[t] @ weight * cont[t].unsqueeze(1)
        self.accumulate(self._state_weights, d_inputs.flatten(0, 1).t() @ torch.cat(self._inputs))
        return d_inputs
