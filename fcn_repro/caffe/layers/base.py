"""Layer: the base class of all layer types, built-in ones and users' Python layers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.blob import Blob, BlobVec
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.kernels.malloc import ensure_available
from fcn_repro.caffe.memory_required import MemoryRequired
from fcn_repro.caffe.proto import stored_blob
from fcn_repro.caffe.random import fillers
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.system.memory import VALUE_BYTES


@dataclass(frozen=True)
class Count:
    """Range of the number of bottoms or tops of a layer type."""

    least: int
    most: int | None

    def admits(self, n: int) -> bool:
        """Whether n lies in the range."""
        return self.least <= n and (self.most is None or n <= self.most)

    def __str__(self) -> str:
        if self.most is None:
            return f"at least {self.least}"
        return f"exactly {self.least}" if self.least == self.most else f"{self.least} to {self.most}"


def exactly(n: int) -> Count:
    """Exactly n blobs."""
    return Count(n, n)


def at_least(n: int) -> Count:
    """n blobs or more."""
    return Count(n, None)


def between(least: int, most: int) -> Count:
    """From `least` to `most` blobs, both included."""
    return Count(least, most)


class Layer:
    """caffe.Layer: one step of a net, with its parameters.

    The life cycle is pycaffe's: `setup` once, `reshape` before every `forward`, `backward` if a gradient is needed. A
    Python layer overrides these four methods, which take Blobs. Most built-in layers implement the tensor hooks
    `prepare`, `top_shapes`, `compute` and `gradients` instead.

    A backward pass overwrites bottom diffs and adds to parameter diffs (`accumulate`).
    Source   caffe 9b89154 layer.hpp
    """

    bottoms: Count = at_least(0)
    tops: Count = at_least(0)
    equal_counts = False  # True: one top per bottom, computed from it
    auto_top = False  # True: the net adds unnamed tops up to the least number
    default_loss_weight = 0.0
    copies: float = 0  # temporary copies of a top during forward, counted as required memory
    any_order = False  # True: takes tensors in any memory layout (kernels.channels_last)
    may_be_in_place = True  # False if Caffe refuses top[0] to be bottom[0], or computes wrong values

    def __init__(self, param) -> None:
        self.param = param
        self.phase: int = param.phase
        self.blobs = BlobVec()
        self.memory_required = MemoryRequired()  # a net sets its own
        self.param_propagate_down: list[bool] = []

    @property
    def type(self) -> str:
        """The type name in the prototxt."""
        return self.param.type

    @cached_property
    def is_in_place(self) -> bool:
        """Whether top[0] is bottom[0], so forward overwrites the bottom's values."""
        return list(self.param.top[:1]) == list(self.param.bottom[:1]) != []

    # -- pycaffe's life cycle ------------------------------------------------------------------------------------

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Check the parameters and create the parameter blobs; called once."""
        self.prepare(*(blob.dims for blob in bottom))

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Set the tops' shapes; called before every forward."""
        self.shape_tops(top, self.top_shapes(*(blob.dims for blob in bottom)))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Compute the tops' data."""
        inputs = self._tensors(bottom)
        if self.is_in_place and kernels.is_enabled() and self.forward_inplace(inputs[0]):
            return
        if kernels.is_enabled() and not self.is_in_place:
            for blob in top:
                blob.release()
            ensure_available(self.workspace_bytes(bottom, top))
        for blob, result in zip(top, _as_tuple(self.compute(*inputs)), strict=True):
            in_place = any(blob is source for source in bottom)
            blob.store(result if in_place else _unaliased(result, inputs))

    def backward(self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]) -> None:
        """Compute the diffs of the bottoms that `propagate_down` selects; add to the parameters' diffs."""
        top_values = self._tensors(top)
        top_diff = tuple(blob.gradient_any_order if self.any_order else blob.gradient for blob in top)
        if self.is_in_place and kernels.is_enabled() and propagate_down[0]:
            if self.backward_inplace(top_diff[0], top_values[0]):
                return
        diffs = self.gradients(self._tensors(bottom), top_values, top_diff, tuple(propagate_down))
        given: tuple[Tensor, ...] = top_diff
        for blob, diff, wanted in zip(bottom, diffs, propagate_down, strict=True):
            if wanted and diff is not None:
                diff = _unaliased(diff, given)
                given += (diff,)
                blob.store_gradient(diff)

    # -- tensor hooks of the built-in layers ---------------------------------------------------------------------

    def prepare(self, *bottom: Shape) -> None:
        """Check `self.param` and add the parameter blobs, given the bottoms' shapes (Caffe's LayerSetUp)."""

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """Derive the tops' shapes from the bottoms'.

        Raises   CaffeError if the bottoms do not fit.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement top_shapes")

    def compute(self, *bottom: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Compute the tops: return one tensor, or one per top. Must not change its arguments."""
        raise NotImplementedError(f"{type(self).__name__} does not implement compute")

    def gradients(
        self,
        bottom: tuple[Tensor, ...],
        top: tuple[Tensor, ...],
        top_diff: tuple[Tensor, ...],
        wanted: tuple[bool, ...],
    ) -> Sequence[Tensor | None]:
        """Compute the bottoms' gradients, one per bottom; None leaves a bottom's diff unchanged.

        `bottom` and `top` hold the values after the last forward; in an in-place layer they are the same tensors.
        Pass parameter gradients to `accumulate`. Must not change its arguments.
        """
        raise self.error("has no backward pass")

    def forward_inplace(self, x: Tensor) -> bool:
        """Compute the top of an in-place layer in the bottom's memory. Return False to use `compute` instead."""
        return False

    def backward_inplace(self, dy: Tensor, y: Tensor) -> bool:
        """Compute the gradient of an in-place layer in the top's. Return False to use `gradients` instead."""
        return False

    def _tensors(self, blobs: Sequence[Blob]) -> tuple[Tensor, ...]:
        return tuple(blob.tensor_any_order if self.any_order else blob.tensor for blob in blobs)

    # -- helpers of the layers -------------------------------------------------------------------------------------

    def shape_tops(self, top: Sequence[Blob], shapes: Iterable[Shape]) -> None:
        """Reshape the tops.

        Raises   CaffeError naming the top if no blob can have its shape.
        """
        for index, (blob, shape) in enumerate(zip(top, shapes, strict=True)):
            try:
                blob.reshape(*shape)
            except CaffeError as error:
                raise self.error(f"makes {describe_top(self.param, index)}, but {error}") from error

    def add_blob(self, shape: Shape, filler) -> None:
        """Append a parameter blob with the values in the LayerParameter, or else the filler's.

        Raises   CaffeError if no blob can have the shape, the machine lacks the memory, or the values do not fit.
        """
        index = len(self.blobs)
        try:
            blob = Blob(shape)
        except CaffeError as error:
            raise self.error(f"makes parameter blob {index}, but {error}") from error
        subject = self.error(f"makes parameter blob {index} of shape {list(shape)}, which")
        self.memory_required.add(str(subject), blob.count)
        if index < len(self.param.blobs):
            preset = stored_blob.from_proto(self.param.blobs[index], f"layer {self.param.name!r}, blob {index}")
            if not preset.fits(shape):
                raise self.error(f"brings a blob {index} of shape {list(preset.shape)}; it must be {list(shape)}")
            preset.check_count()
            preset.copy_to(blob)
        else:
            blob.store(fillers.fill(filler, shape))
        self.blobs.append(blob)

    def workspace_bytes(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> int:
        """Bytes needed for the tops, and at most a reordered copy of each bottom, parameter and top."""
        return VALUE_BYTES * sum(blob.count for blob in (*bottom, *self.blobs, *top, *top))

    def accumulate(self, index: int, gradient: Tensor) -> None:
        """Add to the diff of parameter blob `index`."""
        self.blobs[index].accumulate_gradient(gradient)

    def canonical_axis(self, axis: int, axes: int) -> int:
        """Convert an axis in [-axes, axes) to [0, axes).

        Raises   CaffeError outside that range.
        """
        if not -axes <= axis < axes:
            raise self.error(f"names axis {axis} of a blob with {axes} axes")
        return axis % axes

    def allow_force_backward(self, bottom_index: int) -> bool:
        """Whether `force_backward: true` requests the gradient of this bottom."""
        return True

    def refuse_gradient(self, wanted: Sequence[bool], index: int, content: str) -> None:
        """Raise CaffeError if `wanted` requests the gradient of bottom `index`, whose `content` has none."""
        if wanted[index]:
            raise self.error(f"cannot pass a gradient to its {content}, bottom {self.param.bottom[index]!r}")

    def error(self, fault: str) -> CaffeError:
        """Make a CaffeError that begins with the layer's name and type."""
        return CaffeError(f"{describe_layer(self.param)} {fault}")


def describe_layer(param) -> str:
    """Name a layer in a message."""
    return f"layer {param.name!r} ({param.type})"


def describe_top(param, index: int) -> str:
    """Name a layer's top in a message; a top that the net added has an index only."""
    return f"the top {param.top[index]!r}" if index < len(param.top) else f"top {index}"


def _as_tuple(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def _unaliased(tensor: Tensor, others: tuple[Tensor, ...]) -> Tensor:
    """Copy a result that is a view of another blob's memory, because every blob owns its memory."""
    owner = tensor.untyped_storage().data_ptr()
    return tensor.clone() if any(other.untyped_storage().data_ptr() == owner for other in others) else tensor
