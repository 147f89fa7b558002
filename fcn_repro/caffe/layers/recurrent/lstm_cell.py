"""One step of a long short-term memory, shared by LSTMUnit and LSTM.

Source   caffe 9b89154 lstm_unit_layer.cpp: gates in the order i, f, o, g; the forget gate is multiplied by `cont`
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class CellStep:
    """Results of a step; all are (N, H)."""

    c_before: Tensor
    i: Tensor
    f: Tensor
    o: Tensor
    g: Tensor
    c: Tensor

    @property
    def h(self) -> Tensor:
        """The hidden state."""
        return self.o * torch.tanh(self.c)

    def gradients(self, dc: Tensor, dh: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of the previous cell state, (N, H), and of the gate inputs, (N, 4H)."""
        tanh_c = torch.tanh(self.c)
        dc = dc + dh * self.o * (1 - tanh_c * tanh_c)
        d_inputs = (
            dc * self.g * self.i * (1 - self.i),
            dc * self.c_before * self.f * (1 - self.f),
            dh * tanh_c * self.o * (1 - self.o),
            dc * self.i * (1 - self.g * self.g),
        )
        return dc * self.f, torch.cat(d_inputs, 1)


def lstm_cell(c_before: Tensor, gate_inputs: Tensor, cont: Tensor) -> CellStep:
    """Compute a step from cell state (N, H) and gate inputs (N, 4H); a sequence begins where cont (N) is 0."""
    i, f, o, g = gate_inputs.chunk(4, 1)
    i, f, o, g = torch.sigmoid(i), torch.sigmoid(f) * cont.unsqueeze(1), torch.sigmoid(o), torch.tanh(g)
    return CellStep(c_before, i, f, o, g, f * c_before + i * g)
