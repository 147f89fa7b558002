"""What every layer promises: the shapes it declares, the blobs it makes, the gradients of what it computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from google.protobuf import text_format

from fcn_repro.caffe import rng
from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers import create_layer
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.proto import caffe_pb2

Shape = tuple[int, ...]
Values = Callable[[np.random.RandomState, Shape], np.ndarray]

STEP = 1e-6
PASSED = 1e-6  # of 1 + the gradient's magnitude, in float64


def normal(random: np.random.RandomState, shape: Shape) -> np.ndarray:
    """Numbers of both signs, hardly ever near a kink."""
    return random.standard_normal(shape)


def positive(random: np.random.RandomState, shape: Shape) -> np.ndarray:
    """Numbers between 0.5 and 2."""
    return random.uniform(0.5, 2, shape)


def below(count: int) -> Values:
    """Integers from 0 on, below `count`: labels and indices."""
    return lambda random, shape: random.randint(0, count, shape)


def markers(random: np.random.RandomState, shape: Shape) -> np.ndarray:
    """0 at the first time step, 1 afterwards."""
    values = np.ones(shape)
    values[0] = 0
    return values


@dataclass(frozen=True)
class Given:
    """A bottom: shape, content, and whether it gets a gradient."""

    shape: Shape
    values: Values = normal
    learns: bool = True


@dataclass(frozen=True)
class Promise:
    """A layer, what it is given, and the shapes that must come of it, worked out by hand."""

    type: str
    bottoms: Sequence[Given]
    tops: Sequence[Shape]
    param: str = ""
    blobs: Sequence[Shape] = ()
    in_place: bool = False
    phase: int = caffe_pb2.TRAIN
    has_backward: bool = True
    learned: Sequence[int] | None = None  # which blobs get gradients; None: all
    dtype: torch.dtype = torch.float64

    def __str__(self) -> str:
        return " ".join([self.type, *self.param.split()[:6]] + ["in place"] * self.in_place)


class Built:
    """A layer in float64 with bottoms, tops and parameters to look at."""

    def __init__(self, promise: Promise) -> None:
        self.promise = promise
        names = [f"b{index}" for index in range(len(promise.bottoms))]
        tops = names[:1] if promise.in_place else [f"t{index}" for index in range(len(promise.tops))]
        param = caffe_pb2.LayerParameter(
            name="layer", type=promise.type, bottom=names, top=tops, phase=promise.phase
        )  # fmt: skip
        text_format.Merge(promise.param, param)
        random = np.random.RandomState(1)
        self.bottom = [Blob(given.shape, promise.dtype) for given in promise.bottoms]
        for blob, given in zip(self.bottom, promise.bottoms, strict=True):
            blob.store(torch.tensor(np.asarray(given.values(random, given.shape), np.float64)))
        self.top = self.bottom[:1] if promise.in_place else [Blob((0,), promise.dtype) for _ in tops]
        self.given = [blob.tensor.clone() for blob in self.bottom]
        rng.set_random_seed(1701)
        self.layer: Layer = create_layer(param)
        self.layer.setup(self.bottom, self.top)
        self._to_float64(random)
        self.layer.param_propagate_down = [True] * len(self.layer.blobs)
        self.layer.reshape(self.bottom, self.top)

    def _to_float64(self, random: np.random.RandomState) -> None:
        for index, blob in enumerate(self.layer.blobs):
            exact = Blob(blob.dims, torch.float64)
            exact.store(torch.tensor(random.uniform(0.2, 1.2, blob.dims)).reshape(blob.dims))
            self.layer.blobs[index] = exact

    def forward(self) -> list[torch.Tensor]:
        """The tops' values, from the bottoms as they were given and the same random draws each time."""
        for blob, values in zip(self.bottom, self.given, strict=True):
            blob.store(values.clone())
        rng.set_random_seed(1701)
        self.layer.reshape(self.bottom, self.top)
        self.layer.forward(self.bottom, self.top)
        return [blob.tensor.clone() for blob in self.top]

    def objective(self, weights: Sequence[torch.Tensor]) -> float:
        """A number that depends on every element of every top."""
        return float(sum((top * weight).sum() for top, weight in zip(self.forward(), weights, strict=True)))

    def backward(self, weights: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """The gradients of `objective`, by the layer: of the bottoms, and of the parameters."""
        self.forward()
        for blob in self.layer.blobs:
            blob.clear_gradient()
        for blob, weight in zip(self.top, weights, strict=True):
            blob.store_gradient(weight.clone())
        wanted = [given.learns for given in self.promise.bottoms]
        self.layer.backward(self.top, wanted, self.bottom)
        return [blob.gradient.clone() for blob in self.bottom], [blob.gradient.clone() for blob in self.layer.blobs]

    def numeric(self, values: torch.Tensor, weights: Sequence[torch.Tensor]) -> torch.Tensor:
        """The gradient of `objective` for `values`, by moving one element after another."""
        found = torch.zeros_like(values)
        flat, slopes = values.view(-1), found.view(-1)
        for index in range(flat.numel()):
            kept = float(flat[index])
            flat[index] = kept + STEP
            above = self.objective(weights)
            flat[index] = kept - STEP
            slopes[index] = (above - self.objective(weights)) / (2 * STEP)
            flat[index] = kept
        return found


def check_shapes(promise: Promise) -> None:
    """Declared shapes are the real ones and the expected ones, before and after forward; so are the blobs'."""
    built = Built(promise)
    assert [blob.dims for blob in built.layer.blobs] == list(promise.blobs)
    assert [blob.dims for blob in built.top] == list(promise.tops)
    assert [tuple(top.shape) for top in built.forward()] == list(promise.tops)
    assert [blob.dims for blob in built.top] == list(promise.tops)


def check_gradients(promise: Promise) -> None:
    """Every gradient is that of the forward pass; one that nobody wants leaves the diff alone."""
    built = Built(promise)
    random = np.random.RandomState(2)
    weights = [torch.tensor(random.standard_normal(shape)).reshape(shape) for shape in promise.tops]
    d_bottoms, d_blobs = built.backward(weights)
    for index, (given, values) in enumerate(zip(promise.bottoms, built.given, strict=True)):
        if given.learns:
            _compare(f"bottom {index}", d_bottoms[index], built.numeric(values, weights))
    learned = range(len(d_blobs)) if promise.learned is None else promise.learned
    for index in learned:
        _compare(f"blob {index}", d_blobs[index], built.numeric(built.layer.blobs[index].tensor, weights))


def _compare(what: str, analytic: torch.Tensor, numeric: torch.Tensor) -> None:
    off = (analytic - numeric).abs() / (1 + numeric.abs())
    assert off.max() <= PASSED, f"{what}: {analytic.flatten()[off.argmax()]} is not {numeric.flatten()[off.argmax()]}"
