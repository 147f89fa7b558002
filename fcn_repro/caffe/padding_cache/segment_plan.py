"""Which part of every map of a segment depends on the image, for one image size."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fcn_repro.caffe.padding_cache.receptive_extent import (
    Region,
    Span,
    find_dependent,
    find_needed,
    intersect,
    whole_region,
)
from fcn_repro.caffe.padding_cache.ring import Frame, Ring
from fcn_repro.caffe.padding_cache.segment_steps import Step
from fcn_repro.caffe.synced_memory import Shape

MIN_SAVED = 0.1  # of the multiplications


@dataclass(frozen=True)
class StepPart:
    """The part of one step that depends on the image."""

    bottom: Frame  # the input cells that the part needs
    top: Frame  # the whole map
    multiplications: int  # for the whole top
    saved: int  # of these
    margin: tuple[int, int] = (0, 0)  # rows above and below, columns beside, computed although the ring has them

    @property
    def computed(self) -> Region:
        """The part of the top that is computed."""
        rows, columns = (Span(s.first - m, s.end + m) for s, m in zip(self.top.inside, self.margin, strict=True))
        return rows, columns


@dataclass
class SegmentPlan:
    """The parts of the first steps of a segment, and, once kept, the rings of each step's bottom and top."""

    parts: list[StepPart]
    images: int = 0  # seen of this size
    largest: float = 0.0  # magnitude of the image that the rings are from
    rings: list[tuple[Ring, Ring]] = field(default_factory=list)


def plan_segment(steps: Sequence[Step], shape: Shape) -> SegmentPlan | None:
    """The plan for a bottom (N, C, H, W); None where it saves too little, or leaves no part."""
    parts: list[StepPart] = []
    dependent = whole_region(shape[2:])
    for step in steps:
        if not step.is_shift_invariant(shape):
            break
        shape = step.layer.top_shapes(shape)[0]
        parts.append(_plan_step(step, dependent, shape))
        dependent = parts[-1].top.inside
        if min(span.size for span in dependent) < 1:
            return None
    if sum(part.saved for part in parts) <= MIN_SAVED * sum(part.multiplications for part in parts):
        return None
    for i, (step, following) in enumerate(zip(steps, parts[1:], strict=False)):
        parts[i] = replace(parts[i], margin=_choose_margin(step, parts[i], following))
    return SegmentPlan(parts)


def _plan_step(step: Step, dependent: Region, top: Shape) -> StepPart:
    reached = find_dependent(step.window, dependent, top[2:])
    needed = find_needed(step.window, reached)
    per_cell, height, width = step.weight_count * top[0], top[2], top[3]
    return StepPart(
        bottom=Frame(needed, intersect(needed, dependent)),
        top=Frame(whole_region(top[2:]), reached),
        multiplications=per_cell * height * width,
        saved=per_cell * (height * width - reached[0].size * reached[1].size),
    )


def _choose_margin(step: Step, part: StepPart, following: StepPart) -> tuple[int, int]:
    """How much more of a top to compute, so that it is just what the next step needs and the ring overwrites its edge.

    Zero where the ring is not equally wide on both sides, where the top has other readers, or where that is slower.
    """
    inside, region = part.top.inside, following.bottom.region
    before = tuple(inner.first - outer.first for inner, outer in zip(inside, region, strict=True))
    behind = tuple(outer.end - inner.end for inner, outer in zip(inside, region, strict=True))
    margin, size = (before[0], before[1]), (inside[0].size, inside[1].size)
    is_even = before == behind and min(before) >= 0
    return margin if is_even and step.split is None and step.is_faster_padded(margin, size) else (0, 0)
