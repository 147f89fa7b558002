"""Layer: what every layer type has in common, ours and those that users write in Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.blob import Blob, BlobVec
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.kernels.malloc import make_room
from fcn_repro.caffe.net.memory_required import MemoryRequired
from fcn_repro.caffe.proto import stored_blob
from fcn_repro.caffe.random import fillers
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.system.memory import VALUE_BYTES


@dataclass(frozen=True)
class Count:
    """How many bottoms or tops a layer type takes."""

    least: int
    most: int | None

    def admits(self, n: int) -> bool:
        """Whether n blobs are within the count."""
        return self.least <= n and (self.most is None or n <= self.most)

    def __str__(self) -> str:
        if self.most is None:
            return f"at least {self.least}"
        return f"exactly {self.least}" if self.least == self.most else f"{self.least} to {self.most}"


def exactly(n: int) -> Count:
    """Just n blobs."""
    return Count(n, n)


def at_least(n: int) -> Count:
    """n blobs or more."""
    return Count(n, None)


def between(least: int, most: int) -> Count:
    """From `least` to `most` blobs, both included."""
    return Count(least, most)


class Layer:
    """caffe.Layer: one step of a net, with its parameters.

    The life cycle is pycaffe's: `setup` once, `reshape` then and before every `forward`, `backward` where a gradient is
    needed. A Python layer overrides these four over Blobs. A built-in layer as a rule writes the four tensor hooks
    instead, `prepare`, `top_shapes`, `compute` and `gradients`, and leaves moving blobs to this class.

    Bottom diffs are overwritten by each backward pass, parameter diffs are added to (`accumulate`).
    Source   caffe 9b89154 layer.hpp
    """

    bottoms: Count = at_least(0)
    tops: Count = at_least(0)
    equal_counts = False  # as many tops as bottoms, top i being made from bottom i
    auto_top = False  # anonymous tops are added up to the least number
    default_loss_weight = 0.0
    copies: float = 0  # of a top that are made while it is computed, and add to the memory required
    any_order = False  # True: takes maps in whatever order their axes have in memory (fast.channels_last)
    may_be_in_place = True  # False where Caffe refuses top[0] to be bottom[0], or computes garbage

    def __init__(self, param) -> None:
        self.param = param
        self.phase: int = param.phase
        self.blobs = BlobVec()
        self.memory_required = MemoryRequired()  # in a net, that of the net
        self.param_propagate_down: list[bool] = []

    @property
    def type(self) -> str:
        """The type as the prototxt spells it."""
        return self.param.type

    @property
    def is_in_place(self) -> bool:
        """Whether top[0] is bottom[0], so that the bottom's values are gone after forward."""
        return list(self.param.top[:1]) == list(self.param.bottom[:1]) != []

    # -- pycaffe's life cycle ------------------------------------------------------------------------------------

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the parameters and make the parameter blobs; called once."""
        self.prepare(*(blob.dims for blob in bottom))

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Give the tops their shapes; called before every forward."""
        self.shape_tops(top, self.top_shapes(*(blob.dims for blob in bottom)))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Compute the tops' data."""
        inputs = self._as_taken(bottom)
        if self.is_in_place and kernels.on() and self.overwrite(inputs[0]):
            return
        if kernels.on() and not self.is_in_place:
            for blob in top:
                blob.let_go()
            make_room(self.room(bottom, top))
        for blob, result in zip(top, _as_tuple(self.compute(*inputs)), strict=True):
            in_place = any(blob is source for source in bottom)
            blob.store(result if in_place else _unaliased(result, inputs))

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Compute the diffs of those bottoms that want one, and add to the parameters' diffs."""
        top_values = self._as_taken(top)
        top_diff = tuple(blob.gradient_as_it_lies if self.any_order else blob.gradient for blob in top)
        if self.is_in_place and kernels.on() and propagate_down[0]:
            if self.overwrite_gradient(top_diff[0], top_values[0]):
                return
        diffs = self.gradients(self._as_taken(bottom), top_values, top_diff, tuple(propagate_down))
        given: tuple[Tensor, ...] = top_diff
        for blob, diff, wanted in zip(bottom, diffs, propagate_down, strict=True):
            if wanted and diff is not None:
                diff = _unaliased(diff, given)
                given += (diff,)
                blob.store_gradient(diff)

    # -- tensor hooks of the built-in layers ---------------------------------------------------------------------

    def prepare(self, *bottom: Shape) -> None:
        """Caffe's LayerSetUp on the bottoms' shapes: check `self.param`, add the parameter blobs."""

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """The tops' shapes, by integer arithmetic alone.

        Raises   CaffeError when the bottoms do not fit.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say its top shapes")

    def compute(self, *bottom: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The tops' values from the bottoms'. Returns one tensor, or one per top; changes none of its arguments."""
        raise NotImplementedError(f"{type(self).__name__} does not compute")

    def gradients(
        self,
        bottom: tuple[Tensor, ...],
        top: tuple[Tensor, ...],
        top_diff: tuple[Tensor, ...],
        wanted: tuple[bool, ...],
    ) -> Sequence[Tensor | None]:
        """The bottoms' gradients, one per bottom; None leaves a bottom's diff as it was.

        `bottom` and `top` hold the values after the last forward; in an in-place layer they are the same tensors.
        Parameter gradients go to `accumulate`. Changes none of its arguments.
        """
        raise self.error("has no backward pass")

    def overwrite(self, x: Tensor) -> bool:
        """In an in-place layer: turn the bottom's values into the top's where they are. False: use `compute`."""
        return False

    def overwrite_gradient(self, dy: Tensor, y: Tensor) -> bool:
        """In an in-place layer: turn the top's gradient into the bottom's where it is. False: use `gradients`."""
        return False

    def _as_taken(self, blobs: Sequence[Blob]) -> tuple[Tensor, ...]:
        return tuple(blob.tensor_as_it_lies if self.any_order else blob.tensor for blob in blobs)

    # -- for the layers' own use ---------------------------------------------------------------------------------

    def shape_tops(self, top: Sequence[Blob], shapes: Iterable[Shape]) -> None:
        """Give each top its shape.

        Raises   CaffeError naming the top whose shape no blob can have
        """
        for index, (blob, shape) in enumerate(zip(top, shapes, strict=True)):
            try:
                blob.reshape(*shape)
            except CaffeError as error:
                raise self.error(f"makes {top_named(self.param, index)}, but {error}") from error

    def add_blob(self, shape: Shape, filler) -> None:
        """Append a parameter blob: preset values if the LayerParameter brings them, else the filler's.

        Raises   CaffeError where no blob can have the shape, this machine has not the memory, or the values do not fit
        """
        index = len(self.blobs)
        try:
            blob = Blob(shape)
        except CaffeError as error:
            raise self.error(f"makes parameter blob {index}, but {error}") from error
        whose = self.error(f"makes parameter blob {index} of shape {list(shape)}, which")
        self.memory_required.make(str(whose), blob.count)
        if index < len(self.param.blobs):
            preset = stored_blob.from_proto(self.param.blobs[index], f"layer {self.param.name!r}, blob {index}")
            if not preset.fits(shape):
                raise self.error(f"brings a blob {index} of shape {list(preset.shape)}; it must be {list(shape)}")
            preset.require_whole()
            preset.copy_to(blob)
        else:
            blob.store(fillers.fill(filler, shape))
        self.blobs.append(blob)

    def room(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> int:
        """Bytes that it takes to compute the tops.

        That is the tops, and at most a copy of every bottom, parameter and top, in the order a library multiplies in.
        """
        return VALUE_BYTES * sum(blob.count for blob in (*bottom, *self.blobs, *top, *top))

    def accumulate(self, index: int, gradient: Tensor) -> None:
        """Add to the diff of parameter blob `index`."""
        self.blobs[index].accumulate_gradient(gradient)

    def canonical_axis(self, axis: int, axes: int) -> int:
        """An axis in [-axes, axes) as one in [0, axes).

        Raises   CaffeError outside that range.
        """
        if not -axes <= axis < axes:
            raise self.error(f"names axis {axis} of a blob with {axes} axes")
        return axis % axes

    def allow_force_backward(self, bottom_index: int) -> bool:
        """Whether `force_backward: true` asks this layer for the gradient of that bottom."""
        return True

    def error(self, fault: str) -> CaffeError:
        """A CaffeError that begins with the layer's name and type."""
        return CaffeError(f"{layer_named(self.param)} {fault}")


def layer_named(param) -> str:
    """A layer as messages call it."""
    return f"layer {param.name!r} ({param.type})"


def top_named(param, index: int) -> str:
    """A layer's top as messages call it; those that are added by themselves have no name."""
    return f"the top {param.top[index]!r}" if index < len(param.top) else f"top {index}"


def _as_tuple(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def _unaliased(tensor: Tensor, others: tuple[Tensor, ...]) -> Tensor:
    """A blob owns its memory, so a result that is only a view of another blob's is copied."""
    owner = tensor.untyped_storage().data_ptr()
    return tensor.clone() if any(other.untyped_storage().data_ptr() == owner for other in others) else tensor
