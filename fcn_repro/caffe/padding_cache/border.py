"""Compute only what depends on the picture; keep the border, which all pictures of one size have in common.

FCN surrounds its picture with 100 pixels of zeros. Far from the picture every map holds what weights and sizes alone
make of these zeros: at 500x500 that is 31 % of VGG-16's arithmetic. A net that tests meets many pictures with the same
weights, so the border of a size is kept when its second picture comes; from the third on, each layer computes its
window of the map, inside the kept ring.

Winograd's filtering lets a picture's numbers reach a little further, by rounding errors, and by what is no number. So a
border is kept again where the picture that it is from had much larger numbers than the one that comes.

Holds    in TEST phase; while weights stay; while no numpy view of them or of a map is held; in passes without
         callbacks over a whole stretch; from the third picture of a size on, of the SIZES sizes seen last; where there
         is room for a copy of the filters
Reading  the maps inside a stretch are not whole. Whoever reads one, or runs backward, has the stretch computed again,
         from copies of picture and weights; from then on that net computes it whole.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from fcn_repro.caffe import kernels
from fcn_repro.caffe.kernels.channels_last import order
from fcn_repro.caffe.kernels.malloc import make_room
from fcn_repro.caffe.padding_cache.cached_segment import Frozen, Placed, Step, fastest, follow
from fcn_repro.caffe.padding_cache.receptive_extent import Span
from fcn_repro.caffe.padding_cache.window_plan import WindowPlan, plan_windows
from fcn_repro.caffe.synced_memory import Shape, SyncedMemory
from fcn_repro.system.memory import VALUE_BYTES

SIZES = 32  # some 15 MB each, for VGG-16 at 500x500
ALIKE = 4  # times as large as a picture's largest number may be that of the picture that the border was kept from


class Stretch:
    """Some layers of a net, from the index `first` on, that can be run as one."""

    def __init__(self, placed: Sequence[Placed], first: int, steps: list[Step]) -> None:
        self.first = first
        self._placed, self._steps = placed, steps
        self._plans: OrderedDict[Shape, WindowPlan | None] = OrderedDict()
        self._stamps: list[tuple[int, ...] | None] = []
        self._frozen: list[Frozen] = []  # the first steps, up to the last that was needed
        self._has_room = True  # for copies of filters, as far as was seen
        self._unsettled: Unsettled | None = None
        self._is_looked_into = False

    def forward(self, end: int) -> int | None:
        """Run layers up to `end` at most. Returns the index of the last one run; None where that brings nothing now."""
        self._unsettled = None
        if not kernels.on() or self._is_looked_into or not self._weights_stay():
            return None
        if any(step.top.memory.is_watched for step in self._steps):
            return None
        plan = self._plan(self._steps[0].bottom.dims)
        if plan is None or self._last(plan) > end:
            return None
        plan.pictures += 1
        if plan.pictures == 1:
            return None
        largest = _largest(self._steps[0].bottom.tensor)
        if not plan.rings or not plan.largest <= ALIKE * largest:
            self._run_whole(plan, largest)
        elif self._are_copied(plan):
            self._run_windows(plan, largest)
        else:
            return None
        return self._last(plan)

    def settle(self) -> None:
        """Make the maps whole, and let the layers see what backward passes need, as if they had run one by one."""
        if self._unsettled is not None:
            self._unsettled.settle()

    def _look_into(self) -> None:
        self._is_looked_into = True

    def _weights_stay(self) -> bool:
        """Whether the weights are certain to be the same as in the last pass; if not, forget what was made of them."""
        stamps = [blob.stamp for step in self._steps for blob in step.layer.blobs]
        if stamps != self._stamps or None in stamps:
            self._stamps, self._frozen, self._has_room = stamps, [], True
            self._plans.clear()
        return None not in stamps

    def _are_copied(self, plan: WindowPlan) -> bool:
        """Copy the filters that the plan needs, unless they are, or this process may not have the memory."""
        missing = self._steps[len(self._frozen) : len(plan.windows)]
        if missing and self._has_room:
            self._has_room = make_room(_copies(missing))
            if self._has_room:
                sizes = [window.needed.size for window in plan.windows[len(self._frozen) :]]
                self._frozen += [step.frozen(size) for step, size in zip(missing, sizes, strict=True)]
        return len(self._frozen) >= len(plan.windows)

    def _plan(self, shape: Shape) -> WindowPlan | None:
        if shape not in self._plans:
            self._plans[shape] = plan_windows(self._steps, shape)
            if len(self._plans) > SIZES:
                self._plans.popitem(last=False)
        self._plans.move_to_end(shape)
        return self._plans[shape]

    def _last(self, plan: WindowPlan) -> int:
        return self._steps[len(plan.windows) - 1].last

    def _run_whole(self, plan: WindowPlan, largest: float) -> None:
        """Layer by layer, and keep the rings of this size."""
        for layer, bottom, top in self._placed[self.first : self._last(plan) + 1]:
            layer.reshape(bottom, top)
            layer.forward(bottom, top)
        rings = []
        for step, window in zip(self._steps, plan.windows, strict=False):
            whole = window.whole.cut(step.top.tensor, 0.0) if self._is_shared(step, plan) else []
            rings.append((window.needed.cut(step.bottom.tensor, step.beyond), whole))
        plan.rings, plan.largest = rings, largest

    def _run_windows(self, plan: WindowPlan, largest: float) -> None:
        for layer, bottom, top in self._placed[self.first : self._last(plan) + 1]:
            layer.reshape(bottom, top)
        steps = self._steps[: len(plan.windows)]
        make_room(max(step.layer.room([step.bottom], [step.top]) for step in steps))
        picture = self._steps[0].bottom.tensor
        self._unsettled = unsettled = Unsettled(picture.clone(), self._frozen, self._look_into)
        part, at = picture, (Span(0, picture.shape[2]), Span(0, picture.shape[3]))
        todo = zip(steps, plan.windows, plan.rings, self._frozen, self._layouts(plan, picture), strict=False)
        for step, window, rings, frozen, layout in todo:
            step.top.let_go()
            padded = window.needed.filled(part, at, rings[0], frozen.kind or part.dtype, layout)
            part, at = frozen(padded, window.margin, largest), window.made
            largest = frozen.largest(largest)
            if self._is_shared(step, plan):
                step.top.store(window.whole.filled(part, at, rings[1], picture.dtype, order(part)))
                unsettled.memories.append(None)
            else:
                unsettled.memories.append(step.top.memory)
                step.top.promise(unsettled.settle)
            if step.split is not None:
                layer, bottom, top = step.split
                layer.forward(bottom, top)

    def _layouts(self, plan: WindowPlan, picture: Tensor) -> list[torch.memory_format]:
        """The order of axes of every step's bottom."""
        found = [fastest(picture)]
        for step, window in reversed(list(zip(self._steps, plan.windows, strict=False))):
            found.insert(0, step.layout(picture, window.needed.size, found[0]))
        return found[:-1]

    def _is_shared(self, step: Step, plan: WindowPlan) -> bool:
        """Whether others than the next step will read the step's top."""
        return step.split is not None or step.last == self._last(plan)


class Unsettled:
    """A pass that computed windows, and all that it takes to compute it whole."""

    def __init__(self, picture: Tensor, frozen: list[Frozen], note: Callable[[], None]) -> None:
        self._picture, self._frozen, self._note = picture, frozen, note
        self.memories: list[SyncedMemory | None] = []  # of the steps' tops; None where the top is whole already
        self._is_settled = False

    def settle(self) -> None:
        """Compute every top, and write those that nothing was written or promised to since; once."""
        if self._is_settled:
            return
        self._note()
        x, largest = self._picture, _largest(self._picture)
        for frozen, memory in zip(self._frozen, self.memories, strict=False):
            x, largest = frozen(x, None, largest), frozen.largest(largest)
            if memory is not None and memory.is_promised_by(self.settle):
                memory.write(x.to(self._picture.dtype))
        self._is_settled = True


def stretches(placed: Sequence[Placed], loss_weights: Sequence[Sequence[float]]) -> dict[int, Stretch]:
    """All stretches of a net of more than one step, by their first index."""
    found: dict[int, Stretch] = {}
    index = 0
    while index < len(placed):
        steps = follow(placed, loss_weights, index)
        if len(steps) > 1:
            found[index] = Stretch(placed, index, steps)
        index = steps[-1].last + 1 if steps else index + 1
    return found


def _largest(picture: Tensor) -> float:
    """The largest magnitude in it, NaN where something is no number; infinite on a GPU, which is not waited for."""
    return math.inf if picture.is_cuda else max(map(float, torch.stack(torch.aminmax(picture)).abs()))


def _copies(steps: Sequence[Step]) -> int:
    """Bytes that it takes to copy the filters of some steps: on the way, those of one step are there once more."""
    counts = [sum(blob.count for blob in step.layer.blobs) for step in steps]
    return VALUE_BYTES * (sum(counts) + max(counts))
