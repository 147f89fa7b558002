"""Run a row of steps as one: compute the part that depends on the image, inside rings kept from an earlier image."""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels.channels_last import memory_format_of
from fcn_repro.caffe.kernels.malloc import ensure_available
from fcn_repro.caffe.padding_cache.receptive_extent import whole_region
from fcn_repro.caffe.padding_cache.segment_plan import SegmentPlan, plan_segment
from fcn_repro.caffe.padding_cache.segment_steps import FrozenStep, PlacedLayer, Step, collect_steps, fastest_layout
from fcn_repro.caffe.synced_memory import Shape, SyncedMemory
from fcn_repro.system.memory import VALUE_BYTES

SIZES = 32  # image sizes to keep; some 15 MB each, for VGG-16 at 500x500
SIMILAR = 4  # the largest magnitude of the ring's image may exceed that of another image this many times


class CachedSegment:
    """Layers of a net, from the index `first` on, that run as one."""

    def __init__(self, layers: Sequence[PlacedLayer], first: int, steps: list[Step]) -> None:
        self.first = first
        self._layers, self._steps = layers, steps
        self._plans: OrderedDict[Shape, SegmentPlan | None] = OrderedDict()
        self._versions: list[tuple[int, ...] | None] = []
        self._frozen: list[FrozenStep] = []  # the first steps, up to the last that a plan needed
        self._has_memory = True  # for copies of the filters
        self._partial: PartialPass | None = None
        self._was_read = False

    def forward(self, end: int) -> int | None:
        """Run layers up to the index `end` at most. Returns the index of the last one run; None if it ran none."""
        self._partial = None
        if not kernels.is_enabled() or self._was_read or not self._have_weights_stayed():
            return None
        if any(step.top.memory.has_views for step in self._steps):
            return None
        plan = self._find_plan(self._steps[0].bottom.dims)
        if plan is None or self._last(plan) > end:
            return None
        plan.images += 1
        if plan.images == 1:
            return None
        largest = _find_largest(self._steps[0].bottom.tensor)
        if not plan.rings or not plan.largest <= SIMILAR * largest:
            self._run_whole(plan, largest)
        elif self._freeze(plan):
            self._run_parts(plan, largest)
        else:
            return None
        return self._last(plan)

    def complete(self) -> None:
        """Make the partial maps of the last pass whole, and give the layers the state that a backward pass needs."""
        if self._partial is not None:
            self._partial.complete()

    def _note_read(self) -> None:
        self._was_read = True

    def _have_weights_stayed(self) -> bool:
        """Whether the weights are certain to be those of the last pass; if not, forget everything made of them."""
        versions = [blob.version for step in self._steps for blob in step.layer.blobs]
        if versions != self._versions or None in versions:
            self._versions, self._frozen, self._has_memory = versions, [], True
            self._plans.clear()
        return None not in versions

    def _freeze(self, plan: SegmentPlan) -> bool:
        """Copy the filters that the plan needs and that are not copied yet; False if memory is short."""
        missing = self._steps[len(self._frozen) : len(plan.parts)]
        if missing and self._has_memory:
            self._has_memory = ensure_available(_count_copied_bytes(missing))
            if self._has_memory:
                sizes = [part.bottom.size for part in plan.parts[len(self._frozen) :]]
                self._frozen += [step.freeze(size) for step, size in zip(missing, sizes, strict=True)]
        return len(self._frozen) >= len(plan.parts)

    def _find_plan(self, shape: Shape) -> SegmentPlan | None:
        if shape not in self._plans:
            self._plans[shape] = plan_segment(self._steps, shape)
            if len(self._plans) > SIZES:
                self._plans.popitem(last=False)
        self._plans.move_to_end(shape)
        return self._plans[shape]

    def _last(self, plan: SegmentPlan) -> int:
        return self._steps[len(plan.parts) - 1].last

    def _run_whole(self, plan: SegmentPlan, largest: float) -> None:
        """Run layer by layer, and keep the rings of this size."""
        for layer, bottom, top in self._layers[self.first : self._last(plan) + 1]:
            layer.reshape(bottom, top)
            layer.forward(bottom, top)
        rings = []
        for step, part in zip(self._steps, plan.parts, strict=False):
            top_ring = part.top.cut(step.top.tensor, 0.0) if self._is_shared(step, plan) else []
            rings.append((part.bottom.cut(step.bottom.tensor, step.padding_value), top_ring))
        plan.rings, plan.largest = rings, largest

    def _run_parts(self, plan: SegmentPlan, largest: float) -> None:
        for layer, bottom, top in self._layers[self.first : self._last(plan) + 1]:
            layer.reshape(bottom, top)
        steps = self._steps[: len(plan.parts)]
        ensure_available(max(step.layer.workspace_bytes([step.bottom], [step.top]) for step in steps))
        image = self._steps[0].bottom.tensor
        self._partial = partial = PartialPass(image.clone(), self._frozen, self._note_read)
        x, region = image, whole_region(image.shape[2:])
        todo = zip(steps, plan.parts, plan.rings, self._frozen, self._choose_layouts(plan, image), strict=False)
        for step, part, (bottom_ring, top_ring), frozen, layout in todo:
            step.top.release()
            padded = part.bottom.fill(x, region, bottom_ring, frozen.kind or x.dtype, layout)
            x, region = frozen(padded, part.margin, largest), part.computed
            largest = frozen.bound(largest)
            if self._is_shared(step, plan):
                step.top.store(part.top.fill(x, region, top_ring, image.dtype, memory_format_of(x)))
                partial.memories.append(None)
            else:
                partial.memories.append(step.top.memory)
                step.top.set_lazy(partial.complete)
            if step.split is not None:
                layer, bottom, top = step.split
                layer.forward(bottom, top)

    def _choose_layouts(self, plan: SegmentPlan, image: Tensor) -> list[torch.memory_format]:
        """The memory layout of every step's bottom."""
        layouts = [fastest_layout(image)]
        for step, part in reversed(list(zip(self._steps, plan.parts, strict=False))):
            layouts.insert(0, step.choose_layout(image, part.bottom.size, layouts[0]))
        return layouts[:-1]

    def _is_shared(self, step: Step, plan: SegmentPlan) -> bool:
        """Whether a layer outside the plan reads the step's top."""
        return step.split is not None or step.last == self._last(plan)


class PartialPass:
    """A pass that computed parts of maps, with copies of all that it takes to compute the whole maps."""

    def __init__(self, image: Tensor, frozen: list[FrozenStep], on_read: Callable[[], None]) -> None:
        self._image, self._frozen, self._on_read = image, frozen, on_read
        self.memories: list[SyncedMemory | None] = []  # of the steps' tops; None where the top is whole already
        self._is_complete = False

    def complete(self) -> None:
        """Compute every top, and write those that are still lazy; at most once."""
        if self._is_complete:
            return
        self._on_read()
        x, largest = self._image, _find_largest(self._image)
        for frozen, memory in zip(self._frozen, self.memories, strict=False):
            x, largest = frozen(x, None, largest), frozen.bound(largest)
            if memory is not None and memory.is_lazy_by(self.complete):
                memory.write(x.to(self._image.dtype))
        self._is_complete = True


def find_segments(layers: Sequence[PlacedLayer], loss_weights: Sequence[Sequence[float]]) -> dict[int, CachedSegment]:
    """All segments of a net with more than one step, by their first layer index."""
    segments: dict[int, CachedSegment] = {}
    index = 0
    while index < len(layers):
        steps = collect_steps(layers, loss_weights, index)
        if len(steps) > 1:
            segments[index] = CachedSegment(layers, index, steps)
        index = steps[-1].last + 1 if steps else index + 1
    return segments


def _find_largest(image: Tensor) -> float:
    """The largest magnitude, or NaN if there is a NaN; infinite on a GPU, to avoid a wait."""
    return math.inf if image.is_cuda else max(map(float, torch.stack(torch.aminmax(image)).abs()))


def _count_copied_bytes(steps: Sequence[Step]) -> int:
    """Bytes to copy the filters of some steps; while it copies, those of one step exist twice."""
    counts = [sum(blob.count for blob in step.layer.blobs) for step in steps]
    return VALUE_BYTES * (sum(counts) + max(counts))
