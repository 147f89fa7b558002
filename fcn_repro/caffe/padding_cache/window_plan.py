"""Which part of every map of a stretch depends on the picture, for one size of picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fcn_repro.caffe.padding_cache.cached_segment import Step
from fcn_repro.caffe.padding_cache.receptive_extent import Span
from fcn_repro.caffe.padding_cache.ring import Frame, Strips
from fcn_repro.caffe.synced_memory import Shape

LEAST_SAVED = 0.1  # of the multiplications


@dataclass(frozen=True)
class Window:
    """One step's part."""

    needed: Frame  # of the bottom, for the part of the top that depends on the picture
    whole: Frame  # of the top
    multiplications: int  # for the whole top
    saved: int  # of these
    margin: tuple[int, int] = (0, 0)  # rows above and below, columns beside, that are made although the ring has them

    @property
    def made(self) -> tuple[Span, Span]:
        """The part of the top that is computed."""
        inside = zip(self.whole.inside, self.margin, strict=True)
        rows, columns = (Span(span.first - more, span.end + more) for span, more in inside)
        return rows, columns


@dataclass
class WindowPlan:
    """The windows of the first steps of a stretch, and, once kept, the rings around what each needs and makes."""

    windows: list[Window]
    pictures: int = 0  # seen of this size
    largest: float = 0.0  # number of the picture that the rings are from
    rings: list[tuple[Strips, Strips]] = field(default_factory=list)


def plan_windows(steps: Sequence[Step], shape: Shape) -> WindowPlan | None:
    """The plan for a bottom (N, C, H, W); None where it saves too little. In the end windows are whole maps."""
    windows: list[Window] = []
    reach = [Span(0, n) for n in shape[2:]]
    for step in steps:
        if not step.fits(shape):
            break
        shape = step.layer.top_shapes(shape)[0]
        windows.append(_window(step, reach, shape))
        reach = list(windows[-1].whole.inside)
        if min(span.size for span in reach) < 1:
            return None
    saved, all_of_them = sum(w.saved for w in windows), sum(w.multiplications for w in windows)
    if saved <= LEAST_SAVED * all_of_them:
        return None
    for i, (step, following) in enumerate(zip(steps, windows[1:], strict=False)):
        windows[i] = replace(windows[i], margin=_margin(step, windows[i], following))
    return WindowPlan(windows)


def _window(step: Step, reach: Sequence[Span], top: Shape) -> Window:
    reached = [slide.reached(span, n) for slide, span, n in zip(step.slides, reach, top[2:], strict=True)]
    needed = [slide.needed(span) for slide, span in zip(step.slides, reached, strict=True)]
    rows, columns = needed
    above, beside = (region.meet(span) for region, span in zip(needed, reach, strict=True))
    cells, height, width = step.filters * top[0], top[2], top[3]
    return Window(
        needed=Frame((rows, columns), (above, beside)),
        whole=Frame((Span(0, height), Span(0, width)), (reached[0], reached[1])),
        multiplications=cells * height * width,
        saved=cells * (height * width - reached[0].size * reached[1].size),
    )


def _margin(step: Step, window: Window, following: Window) -> tuple[int, int]:
    """How much more of a top is to be computed, so that it is just what the next step needs, and the ring goes onto it.

    Nothing where the ring is not as wide on both sides, where the top has other readers, or where that is slower.
    """
    inside, region = window.whole.inside, following.needed.region
    above, beside = (inner.first - outer.first for inner, outer in zip(inside, region, strict=True))
    below, beyond = (outer.end - inner.end for inner, outer in zip(inside, region, strict=True))
    is_even = (above, beside) == (below, beyond) and min(above, beside) >= 0
    size = inside[0].size, inside[1].size
    return (above, beside) if is_even and step.split is None and step.grows((above, beside), size) else (0, 0)
