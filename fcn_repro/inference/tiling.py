"""Windows of an image on which a net computes, piece by piece, the very scores that it gives the whole image.

The scores of a core, a part of the image, are the same on a window around it as on the whole image if on each axis

- the window begins at a multiple of the net's stride: then strides, and the rounding of sizes (pooling's up,
  convolution's down), fall on the same pixels as they do on the image; and
- at each of its ends the window either holds every pixel that a score of the core is computed from, so that no padding
  has a part in it, or ends where the image ends, so that every layer is padded there as it is on the image.

Both follow from the prototxt alone: kernels, strides, pads and offsets. Equal means to float rounding: a library of
convolutions may add in another order where sizes differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Iterator, Mapping, Sequence, Tuple

from fcn_repro.model.window import SLIDING, slide

# Layers that compute each cell from that cell of every bottom alone.
POINTWISE = (
    *("AbsVal", "BNLL", "BatchNorm", "Bias", "Clip", "Concat", "Dropout", "ELU", "Eltwise", "Exp", "LRN", "Log"),
    *("PReLU", "Power", "ReLU", "Scale", "Sigmoid", "Softmax", "Split", "Swish", "TanH", "Threshold"),
)

Span = Tuple[int, int]  # first and last cell
LONGEST_STRIDE = 4096  # pixels: with more, no tile would be smaller than an image


@dataclass(frozen=True)
class Reach:
    """Along one axis: a score at pixel y may be computed from pixels y - before to y + after, padding included.

    `stride` is the least number of pixels that is a whole number of cells in every blob.
    """

    before: int
    after: int
    stride: int


@dataclass(frozen=True)
class Window:
    """Along one axis, half-open: what the net is run on, and the core of it, whose scores are kept."""

    start: int
    stop: int
    core_start: int
    core_stop: int

    @property
    def whole(self) -> slice:
        """The window, in pixels of the image."""
        return slice(self.start, self.stop)

    @property
    def core(self) -> slice:
        """The core, in pixels of the image."""
        return slice(self.core_start, self.core_stop)

    @property
    def kept(self) -> slice:
        """The core, counted from the window's start."""
        return slice(self.core_start - self.start, self.core_stop - self.start)


def reach(net: Any, axis: int) -> Reach:
    """How far a deploy net's scores see along an axis, 0 for rows and 1 for columns.

    `net` is a NetParameter that begins with Input layers, and whose outputs have a cell per pixel.

    Raises   ValueError naming a layer that sees all of the image, or of which it is not known what it sees; or where
             strides are longer than images
    """
    spacing = _spacing(net, axis)
    outputs = _outputs(net)
    coarse = [blob for blob in outputs if spacing[blob] != 1]
    if coarse:
        raise ValueError(f"blob {coarse[0]} has a cell every {spacing[coarse[0]]} pixels; expected one per pixel")
    stride = 1
    for each in spacing.values():
        stride = stride * each.numerator // math.gcd(stride, each.numerator)
    if stride > LONGEST_STRIDE:
        raise ValueError(f"its strides fall together every {stride} pixels, so no part of an image will do")
    sources = [_sources(net, axis, outputs, y) for y in range(stride)]  # from there on it is the same again
    before = max(y - first for y, (first, _) in enumerate(sources))
    after = max(last - y for y, (_, last) in enumerate(sources))
    return Reach(max(before, 0), max(after, 0), stride)


def windows(length: int, tile: int, reach: Reach) -> Iterator[Window]:
    """The windows along an axis of `length` pixels. Their cores cover it: at least `tile` pixels each, but the last.

    All have one size but the last, which is smaller: at the image's ends, where there is no margin, the core is larger.
    """
    before, core = (-(-pixels // reach.stride) * reach.stride for pixels in (reach.before, tile))
    size = before + core + reach.after
    start = core_start = 0
    while start + size < length:
        yield Window(start, start + size, core_start, start + size - reach.after)
        core_start = start + size - reach.after
        start = (core_start - reach.before) // reach.stride * reach.stride
    yield Window(start, length, core_start, length)


def _spacing(net: Any, axis: int) -> Mapping[str, Fraction]:
    """Pixels from one cell to the next, in every blob."""
    spacing: dict[str, Fraction] = {}
    for layer in net.layer:
        if layer.type == "Input":
            spacing.update(dict.fromkeys(layer.top, Fraction(1)))
            continue
        factor = Fraction(slide(layer, axis).stride if layer.type in SLIDING else 1)
        below = spacing[layer.bottom[0]]
        spacing.update(dict.fromkeys(layer.top, below / factor if layer.type == "Deconvolution" else below * factor))
    return spacing


def _outputs(net: Any) -> Sequence[str]:
    """The blobs that no layer reads, save to change them in place."""
    read = {blob for layer in net.layer for blob in layer.bottom if blob not in layer.top}
    return list(dict.fromkeys(blob for layer in net.layer for blob in layer.top if blob not in read))


def _sources(net: Any, axis: int, outputs: Sequence[str], y: int) -> Span:
    """The first and last pixel that cell `y` of the outputs is computed from; outside of the image is padding."""
    needed = {blob: (y, y) for blob in outputs}
    images = [blob for layer in net.layer if layer.type == "Input" for blob in layer.top]
    for layer in reversed([layer for layer in net.layer if layer.type != "Input"]):
        spans = [needed[blob] for blob in layer.top if blob in needed]
        if spans:
            span = _below(layer, axis, *_hull(spans))
            # Crop's second bottom lends its size alone.
            for blob in layer.bottom[:1] if layer.type == "Crop" else layer.bottom:
                needed[blob] = _hull([span, needed.get(blob, span)])
    return _hull([needed[blob] for blob in images if blob in needed])


def _below(layer: Any, axis: int, first: int, last: int) -> Span:
    """The cells of a layer's bottoms that cells `first` to `last` of its top are computed from."""
    if layer.type in ("Convolution", "Pooling"):
        at = slide(layer, axis)
        return first * at.stride - at.pad, last * at.stride - at.pad + at.extent - 1
    if layer.type == "Deconvolution":
        at = slide(layer, axis)
        return -((at.extent - 1 - at.pad - first) // at.stride), (last + at.pad) // at.stride
    if layer.type == "Crop":
        offsets = list(layer.crop_param.offset) or [0]
        offset = offsets[min(axis, len(offsets) - 1)]
        return first + offset, last + offset
    across = layer.type != "LRN" or layer.lrn_param.norm_region == 0  # ACROSS_CHANNELS
    if layer.type not in POINTWISE or not across:
        raise ValueError(f"layer {layer.name}, of type {layer.type}: not known which pixels it sees")
    return first, last


def _hull(spans: Sequence[Span]) -> Span:
    return min(first for first, _ in spans), max(last for _, last in spans)
