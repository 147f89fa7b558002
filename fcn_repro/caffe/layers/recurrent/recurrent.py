"""Base class of RNN and LSTM: inputs in time order, input weights, and a state that persists between batches."""

import math
from collections.abc import Sequence

from torch import Tensor

from fcn_repro.caffe.layers.base import Count, Layer, between, exactly
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.system.memory import VALUE_BYTES

STEP_BYTES = 6000  # overhead of the tensors of one LSTM step, beside their values


class Recurrent(Layer):
    """A layer whose top at time t depends on the bottom at t and on the state at t - 1.

    A forward continues from the last state of the previous one, except where `cont` is 0.

    Shapes
        bottom[0]   (T, N, ...) inputs         bottom[1] (T, N) 0 where a sequence begins, 1 inside
        bottom[2]   optional: (N, ...) a static input of every step
        top[0]      (T, N, H) with H = num_output
        with expose_hidden, the initial states, (1, N, H) each, are further bottoms, the final states further tops
        blobs       input weights (G, inputs), bias (G), weights of the static input (G, its inputs), if any,
                    state weights (G, H); G is H times the number of gates
    Reads    recurrent_param: num_output, weight_filler, bias_filler, expose_hidden
    Differs  a change of batch size resets the states to zero (Caffe reuses its memory)
    Source   caffe 9b89154 recurrent_layer.cpp, which unrolls a net; exposed states get and pass no gradients there
    """

    gates: int  # per hidden unit
    states: int

    @property
    def bottoms(self) -> Count:  # type: ignore[override]
        """Inputs, sequence markers, optionally a static input and the initial states."""
        least = 2 + self._exposed
        return between(least, least + 1)

    @property
    def tops(self) -> Count:  # type: ignore[override]
        """Outputs, optionally the final states."""
        return exactly(1 + self._exposed)

    @property
    def copies(self) -> float:  # type: ignore[override]
        """Copies of the outputs: values kept for the backward pass, and the overhead per step."""
        step_bytes = VALUE_BYTES * max(1, self._batch) * self.param.recurrent_param.num_output
        return 2 * self.gates + 4 + STEP_BYTES / step_bytes

    def allow_force_backward(self, bottom_index: int) -> bool:
        """Sequence markers get no gradient."""
        return bottom_index != 1

    def prepare(self, *bottom: Shape) -> None:
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
        """Backpropagate through time, from the outputs only."""
        self.refuse_gradient(wanted, 1, "sequence markers")
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
        """Compute outputs (T, N, H) and final states from inputs (T, N, G) and initial states (N, H)."""
        raise NotImplementedError

    def unroll_gradients(self, cont: Tensor, d_output: Tensor) -> Tensor:
        """Return the gradient of the inputs, (T, N, G); accumulate those of the state weights."""
        raise NotImplementedError

    @property
    def _exposed(self) -> int:
        return self.states if self.param.recurrent_param.expose_hidden else 0

    def _zeros(self, x: Tensor) -> list[Tensor]:
        return [x.new_zeros(x.shape[1], self.param.recurrent_param.num_output) for _ in range(self.states)]
