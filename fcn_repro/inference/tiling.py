"""Tiles of an image whose scores equal those of the whole image, and the largest tile that fits in memory.

The scores of a core, a part of the image, are equal on a window around it and on the whole image if on each axis

- the window begins at a multiple of the net's stride: then strides, and the rounding of sizes (up in pooling, down in
  convolutions), fall on the same pixels; and
- each end of the window either includes every pixel that the core's scores depend on, so that they use no padding, or
  is the end of the image, where the whole image has the same padding.

Both follow from the prototxt: kernels, strides, pads and offsets. Equal means up to float rounding, because
convolution libraries may add in another order at another size.

docs/using.md has the measurements.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Iterator, Mapping, Sequence, Tuple

from fcn_repro import device
from fcn_repro.layer_params.conv_window import SLIDING, read_window
from fcn_repro.layer_params.crop_offsets import read_crop_offsets
from fcn_repro.model.receptive_field import is_cellwise
from fcn_repro.system import memory
from fcn_repro.system.memory import VALUE_BYTES

Span = Tuple[int, int]  # first and last cell
LONGEST_STRIDE = 4096  # pixels: with more, no tile would be smaller than an image
GPU_PIXELS, GPU_TILE = 1024 * 1024, 512  # on a GPU, larger images are cut into tiles of this side
MEASURED_SIDE = 1024  # pixels: the memory for longer sides is extrapolated from this one
USED_MEMORY = 0.9  # of the available memory
IMAGE_BYTES = 15  # per pixel of the image, its label map and its overlay
MAX_COUNT = 2**31 - 1  # elements of a blob, as Caffe counts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReceptiveExtent:
    """Along one axis: a score at pixel y depends on pixels y - before to y + after at most, padding included.

    `stride` is the smallest number of pixels that is a whole number of cells in every blob.
    """

    before: int
    after: int
    stride: int


@dataclass(frozen=True)
class TileSpan:
    """Along one axis, half-open: the input of the net, and its core, whose scores are kept."""

    start: int
    stop: int
    core_start: int
    core_stop: int

    @property
    def input(self) -> slice:
        """The net's input, in pixels of the image."""
        return slice(self.start, self.stop)

    @property
    def core(self) -> slice:
        """The core, in pixels of the image."""
        return slice(self.core_start, self.core_stop)

    @property
    def kept(self) -> slice:
        """The core, in pixels of the tile."""
        return slice(self.core_start - self.start, self.core_stop - self.start)


def find_extent(net: Any, axis: int) -> ReceptiveExtent:
    """Find the receptive extent of a deploy net's scores along an axis, 0 for rows and 1 for columns.

    `net` is a NetParameter that begins with Input layers, and whose outputs have a cell per pixel.

    Raises   ValueError for a layer that depends on the whole image or is unknown here, for outputs with another stride,
             and for strides longer than images
    """
    strides = _find_strides(net, axis)
    outputs = _find_outputs(net)
    coarse = [blob for blob in outputs if strides[blob] != 1]
    if coarse:
        raise ValueError(f"blob {coarse[0]}: got a cell every {strides[coarse[0]]} pixels, expected one per pixel")
    stride = 1
    for each in strides.values():
        stride = stride * each.numerator // math.gcd(stride, each.numerator)
    if stride > LONGEST_STRIDE:
        raise ValueError(f"its strides have the common multiple {stride}, which exceeds every image")
    sources = [_find_source(net, axis, outputs, y) for y in range(stride)]  # from there on they repeat
    before = max(y - first for y, (first, _) in enumerate(sources))
    after = max(last - y for y, (_, last) in enumerate(sources))
    return ReceptiveExtent(max(before, 0), max(after, 0), stride)


def split_axis(length: int, tile: int, extent: ReceptiveExtent) -> Iterator[TileSpan]:
    """Yield the tiles along an axis of `length` pixels. Their cores cover it, each at least `tile` pixels but the last.

    All have one size but the last, which is smaller. At the ends of the image, which need no margin, cores are larger.
    """
    before, core = (-(-pixels // extent.stride) * extent.stride for pixels in (extent.before, tile))
    size = before + core + extent.after
    start = core_start = 0
    while start + size < length:
        yield TileSpan(start, start + size, core_start, start + size - extent.after)
        core_start = start + size - extent.after
        start = (core_start - extent.before) // extent.stride * extent.stride
    yield TileSpan(start, length, core_start, length)


def choose_tile(net: Any, prototxt: Any, size: Sequence[int], other_bytes: float = 0) -> int:
    """Return the largest tile side that fits in memory for an image of (H, W), since margins are computed repeatedly.

    0 means the whole image: it fits, or the net has no tiles.

    Parameters
        net           a net of one input, (N, 3, H, W); it is reshaped
        prototxt      its NetParameter
        other_bytes   memory that the process holds besides the net
    """
    if device.chosen != "cpu":
        return GPU_TILE if size[0] * size[1] > GPU_PIXELS else 0
    other_bytes += IMAGE_BYTES * size[0] * size[1]
    usable, whole = USED_MEMORY * memory.available_bytes(), other_bytes + estimate_bytes(net, prototxt, size)
    if whole <= usable:
        return 0
    try:
        extents = [find_extent(prototxt, axis) for axis in (0, 1)]
    except ValueError:  # the net needs the whole image; the engine reports by how much it is too large
        return 0
    for parts in range(2, max(size) + 1):
        tile = -(-max(size) // parts)
        splits = [split_axis(length, tile, extent) for length, extent in zip(size, extents)]
        largest = [max(each.stop - each.start for each in split) for split in splits]
        fits = other_bytes + estimate_bytes(net, prototxt, largest) <= usable
        if fits or tile <= max(extent.stride for extent in extents):
            break
    log.info(
        "%d x %d pixels need %s of memory, and %s are available: labelling in tiles of %d x %d",
        *(size[1], size[0], memory.format_bytes(whole), memory.format_bytes(usable), tile, tile),
    )
    return tile


def estimate_bytes(net: Any, prototxt: Any, size: Sequence[int]) -> float:
    """Estimate a net's memory for an image of (H, W) from the shapes of its blobs; inf if one would be too large.

    A layer's bottoms, tops and weights count twice while it computes, because products copy them into another memory
    layout. Weights that the engine keeps in that layout do not count: it keeps them only if memory is available.
    """
    rows, columns = (min(length, MEASURED_SIDE) for length in size)
    net.blobs[net.inputs[0]].reshape(1, 3, rows, columns)
    net.reshape()
    tops = {top for layer in prototxt.layer for top in layer.top}
    counts = {top: net.blobs[top].count * size[0] * size[1] / (rows * columns) for top in tops}
    if max(counts.values()) > MAX_COUNT:
        return math.inf
    weights = {name: sum(blob.count for blob in blobs) for name, blobs in net.params.items()}
    copies = (
        weights.get(layer.name, 0) + sum(counts[blob] for blob in {*layer.bottom, *layer.top})
        for layer in prototxt.layer
    )
    return VALUE_BYTES * (sum(counts.values()) + sum(weights.values()) + max(copies))


def _find_strides(net: Any, axis: int) -> Mapping[str, Fraction]:
    """Return the pixels from one cell to the next, of every blob."""
    strides: dict[str, Fraction] = {}
    for layer in net.layer:
        if layer.type == "Input":
            strides.update(dict.fromkeys(layer.top, Fraction(1)))
            continue
        factor = Fraction(read_window(layer, 2).stride[axis] if layer.type in SLIDING else 1)
        below = strides[layer.bottom[0]]
        strides.update(dict.fromkeys(layer.top, below / factor if layer.type == "Deconvolution" else below * factor))
    return strides


def _find_outputs(net: Any) -> Sequence[str]:
    """Return the blobs that no layer reads, except to change them in place."""
    read = {blob for layer in net.layer for blob in layer.bottom if blob not in layer.top}
    return list(dict.fromkeys(blob for layer in net.layer for blob in layer.top if blob not in read))


def _find_source(net: Any, axis: int, outputs: Sequence[str], y: int) -> Span:
    """Return the first and last pixel that cell `y` of the outputs depends on; pixels outside the image are padding."""
    needed = {blob: (y, y) for blob in outputs}
    images = [blob for layer in net.layer if layer.type == "Input" for blob in layer.top]
    for layer in reversed([layer for layer in net.layer if layer.type != "Input"]):
        spans = [needed[blob] for blob in layer.top if blob in needed]
        if spans:
            span = _map_to_bottom(layer, axis, *_unite(spans))
            # Only the size of Crop's second bottom counts.
            for blob in layer.bottom[:1] if layer.type == "Crop" else layer.bottom:
                needed[blob] = _unite([span, needed.get(blob, span)])
    return _unite([needed[blob] for blob in images if blob in needed])


def _map_to_bottom(layer: Any, axis: int, first: int, last: int) -> Span:
    """Return the cells of a layer's bottoms that cells `first` to `last` of its top depend on."""
    if layer.type in SLIDING:
        window = read_window(layer, 2)
        extent, stride, pad = window.extent[axis], window.stride[axis], window.pad[axis]
        if layer.type == "Deconvolution":
            return -((extent - 1 - pad - first) // stride), (last + pad) // stride
        return first * stride - pad, last * stride - pad + extent - 1
    if layer.type == "Crop":
        offset = read_crop_offsets(layer)[axis]
        return first + offset, last + offset
    if not is_cellwise(layer):
        raise ValueError(f"layer {layer.name}: the receptive field of type {layer.type} is unknown")
    return first, last


def _unite(spans: Sequence[Span]) -> Span:
    return min(first for first, _ in spans), max(last for _, last in spans)
