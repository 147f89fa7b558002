"""In which tiles an image is to be labelled so that it fits in memory: the largest, as margins are computed again.

What was measured is in docs/using.md.
"""

from __future__ import annotations

import logging
import math
from typing import Any, Sequence

from fcn_repro import device
from fcn_repro.inference.tiling import reach, windows
from fcn_repro.system import memory
from fcn_repro.system.memory import VALUE_BYTES

ON_GPU, GPU_TILE = 1024 * 1024, 512  # pixels, above which images are cut into tiles of so many to a side
MEASURED = 1024  # pixels: what images with longer sides take is told from those with this
ROOM = 0.9  # of the memory that there is
PICTURE_BYTES = 15  # of a pixel of the image, its label map and its overlay
LARGEST = 2**31 - 1  # elements of a blob, as Caffe counts

log = logging.getLogger(__name__)


def fitting(net: Any, prototxt: Any, size: Sequence[int], beside: float = 0) -> int:
    """The side of the tiles for an image of (H, W); 0 for the whole, if it fits, or if no part of it will do.

    Parameters
        net        a net of one input, (N, 3, H, W); it is reshaped
        prototxt   its NetParameter
        beside     bytes that the process holds beside the net
    """
    if device.chosen != "cpu":
        return GPU_TILE if size[0] * size[1] > ON_GPU else 0
    beside += PICTURE_BYTES * size[0] * size[1]
    room, whole = ROOM * memory.available_bytes(), beside + required(net, prototxt, size)
    if whole <= room:
        return 0
    try:
        reaches = [reach(prototxt, axis) for axis in (0, 1)]
    except ValueError:  # such a net sees all of the image; the engine says by how much it is too large
        return 0
    for parts in range(2, max(size) + 1):
        tile = -(-max(size) // parts)
        cuts = [windows(length, tile, seen) for length, seen in zip(size, reaches)]
        largest = [max(each.stop - each.start for each in cut) for cut in cuts]
        if beside + required(net, prototxt, largest) <= room or tile <= max(seen.stride for seen in reaches):
            break
    log.info(
        "%d x %d pixels would take %s of memory, and %s may be used: labelled in tiles of %d x %d",
        *(size[1], size[0], memory.format_bytes(whole), memory.format_bytes(room), tile, tile),
    )
    return tile


def required(net: Any, prototxt: Any, size: Sequence[int]) -> float:
    """Bytes that a net takes for an image of (H, W), by the shapes of its blobs; inf where one would be too large.

    While a layer is computed, its bottoms, tops and filters are there once more, in the order in which they are
    multiplied. That filters are kept so is not counted: the engine does it where there is room.
    """
    rows, columns = (min(length, MEASURED) for length in size)
    net.blobs[net.inputs[0]].reshape(1, 3, rows, columns)
    net.reshape()
    tops = {top for layer in prototxt.layer for top in layer.top}
    counts = {top: net.blobs[top].count * size[0] * size[1] / (rows * columns) for top in tops}
    if max(counts.values()) > LARGEST:
        return math.inf
    filters = {name: sum(blob.count for blob in blobs) for name, blobs in net.params.items()}
    once_more = (
        filters.get(layer.name, 0) + sum(counts[blob] for blob in {*layer.bottom, *layer.top})
        for layer in prototxt.layer
    )
    return VALUE_BYTES * (sum(counts.values()) + sum(filters.values()) + max(once_more))
