"""What RNN and LSTM share: bottoms in time order, a state that goes on from batch to batch, and input weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from fcn_repro.caffe.layers.base import Count, Layer, between, exactly
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.system.memory import VALUE_BYTES

STEP_BYTES = 6000  # that the tensors of a step of LSTM take beside their values


class Recurrent(Layer):
    """A layer whose top at time t depends on the bottom at t and on its own state at t - 1.

    The state after the last step is where the next forward begins, except where `cont` is 0.

    Shapes
        bottom[0]   (T, N, ...) inputs         bottom[1] (T, N) 0 where a sequence begins, 1 inside
        bottom[2]   optional: (N, ...) an input that every step sees
        top[0]      (T, N, H) with H = num_output
        with expose_hidden, the states before, (1, N, H) each, are further bottoms, and those after further tops
        blobs       input weights (G, inputs), bias (G), weights of bottom[2] (G, its inputs) if there is one,
                    state weights (G, H); G is H times the number of gates
    Reads    recurrent_param: num_output, weight_filler, bias_filler, expose_hidden
    Differs  a batch size that changes between forwards starts from zero states (Caffe keeps what is in memory)
    Source   caffe 9b89154 recurrent_layer.cpp, which unrolls a net; exposed states neither get nor give gradients there
    """

    gates: int  # per hidden unit
    states: int

    @property
    def bottoms(self) -> Count:  # type: ignore[override]
        """Inputs, sequence markers, maybe a static input, maybe the states before."""
        least = 2 + self._exposed
        return between(least, least + 1)

    @property
    def tops(self) -> Count:  # type: ignore[override]
        """Outputs, maybe the states after."""
        return exactly(1 + self._exposed)

    @property
    def copies(self) -> float:  # type: ignore[override]
        """Of the outputs: what all steps keep for the backward pass, and their number alone."""
        return (
            2 * self.gates
            + 4
            + STEP_BYTES / (VALUE_BYTES * max(1, self._batch) * self.param.recurrent_param.num_output)
        )

    def allow_force_backward(self, bottom_index: int) -> bool:
        """Not to the sequence markers."""
        return bottom_index != 1

    def prepare(self, *bottom: Shape) -> None:
        """Make the blobs."""
        param = self.param.recurrent_param
        if param.num_output < 1:
            raise self.error("has no num_output; expected at least 1")
        if len(bottom[0]) < 3:
            raise self.error(f"needs inputs of shape (T, N, ...), not {list(bottom[0])}")
        self._steps = bottom[0][0]
        self._has_static = len(bottom) > 2 + self._exposed
        rows = self.gates * param.num_output
        self.add_blob((rows, math.prod(bottom[0][2:])), param.weight_filler)
        self.add_blob((rows,), param.bias_filler)
        if self._has_static:
            self.add_blob((rows, math.prod(bottom[2][1:])), param.weight_filler)
        self._state_weights = len(self.blobs)
        self.add_blob((rows, param.num_output), param.weight_filler)
        self._kept: list[Tensor] = []

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """Outputs for every step, states for the last."""
        steps, batch = bottom[0][:2]
        hidden, self._batch = self.param.recurrent_param.num_output, batch
        if steps != self._steps:
            raise self.error(f"was set up for {self._steps} time steps and got {steps}")
        if bottom[1] != (steps, batch) or (self._has_static and bottom[2][0] != batch):
            raise self.error(f"has bottoms of shapes {[list(shape) for shape in bottom]}; expected (T, N, ...), (T, N)")
        state = (1, batch, hidden)
        for shape in bottom[len(bottom) - self._exposed :]:
            if shape != state:
                raise self.error(f"has a state of shape {list(shape)}; expected {list(state)}")
        return [(steps, batch, hidden)] + [state] * self._exposed

    def compute(self, *bottom: Tensor) -> tuple[Tensor, ...]:
        """Unroll over time."""
        x, cont = bottom[:2]
        inputs = x.flatten(2) @ self.blobs[0].tensor.t() + self.blobs[1].tensor
        if self._has_static:
            inputs = inputs + bottom[2].flatten(1) @ self.blobs[2].tensor.t()
        if self._exposed:
            before = [state[0] for state in bottom[-self.states :]]
        else:
            before = self._kept or self._zeros(x)
            if before[0].shape[0] != x.shape[1]:
                before = self._zeros(x)
        output, after = self.unroll(inputs, cont, [state.to(x) for state in before])
        self._kept = after
        return (output, *(state.unsqueeze(0) for state in after[: self._exposed]))

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """Back through time, from the outputs alone."""
        if wanted[1]:
            raise self.error(f"cannot pass a gradient to its sequence markers, bottom {self.param.bottom[1]!r}")
        d_inputs = self.unroll_gradients(bottom[1], top_diff[0])  # (T, N, G)
        flat = d_inputs.flatten(0, 1)
        self.accumulate(0, flat.t() @ bottom[0].reshape(len(flat), -1))
        self.accumulate(1, flat.sum(0))
        found: list[Tensor | None] = [None] * len(bottom)
        found[0] = (flat @ self.blobs[0].tensor).view(bottom[0].shape)
        if self._has_static:
            summed = d_inputs.sum(0)
            self.accumulate(2, summed.t() @ bottom[2].flatten(1))
            found[2] = (summed @ self.blobs[2].tensor).view(bottom[2].shape)
        return found

    def unroll(self, inputs: Tensor, cont: Tensor, before: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """From inputs (T, N, G) and states (N, H): outputs (T, N, H) and the states after."""
        raise NotImplementedError

    def unroll_gradients(self, cont: Tensor, d_output: Tensor) -> Tensor:
        """The gradient of the inputs, (T, N, G); those of the state weights are accumulated."""
        raise NotImplementedError

    @property
    def _exposed(self) -> int:
        return self.states if self.param.recurrent_param.expose_hidden else 0

    def _zeros(self, x: Tensor) -> list[Tensor]:
        return [x.new_zeros(x.shape[1], self.param.recurrent_param.num_output) for _ in range(self.states)]
