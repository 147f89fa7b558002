"""Images and histograms of a net's weights."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

from fcn_repro.drawing.web_page import encode_png, make_data_url

MAX_FILTERS = 256  # drawn of one layer
MIN_SIDE, MAX_SIDE = 3, 64  # of a filter, in weights
BINS = 41
GAP = 1  # pixels between filters


def describe_weights(net: Any) -> dict[str, Mapping[str, Any]]:
    """Return for each layer with weights its histogram, and an image of its filters where they can be seen.

    histogram   `counts` of BINS equal intervals from `low` to `high`; `other` counts NaN and infinities
    filters     a PNG as a data URL: the filters of a layer on images, in colour; of upsampling the kernel of each class
    """
    found: dict[str, Mapping[str, Any]] = {}
    for index, (name, blobs) in enumerate(net.params.items()):
        weights = np.array(blobs[0].data)
        found[name] = {"histogram": _count(weights), "filters": _draw(weights, is_first=index == 0)}
    return found


def _count(weights: np.ndarray) -> Mapping[str, Any]:
    finite = weights[np.isfinite(weights)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    counts, _ = np.histogram(finite, bins=BINS, range=(low, high) if low < high else (low - 0.5, high + 0.5))
    mean, deviation = (float(finite.mean()), float(finite.std())) if finite.size else (0.0, 0.0)
    return {
        **{"low": low, "high": high, "mean": mean, "deviation": deviation},
        **{"counts": counts.tolist(), "other": int(weights.size - finite.size), "zeros": int((weights == 0).sum())},
    }


def _draw(weights: np.ndarray, is_first: bool) -> str:
    """Draw filters (K, C, h, w): in colour those on three channels B G R, else the diagonal, class by class."""
    if weights.ndim != 4 or not MIN_SIDE <= max(weights.shape[2:]) <= MAX_SIDE:
        return ""
    if is_first and weights.shape[1] == 3:
        return _as_url(_tile([each[::-1].transpose(1, 2, 0) for each in weights[:MAX_FILTERS]]))
    is_upsampling = weights.shape[0] == weights.shape[1] and not weights[~np.eye(len(weights), dtype=bool)].any()
    if is_upsampling or weights.shape[1] == 1:
        diagonal = [each[min(i, len(each) - 1)] for i, each in enumerate(weights[:MAX_FILTERS])]
        return _as_url(_tile([np.repeat(each[..., None], 3, 2) for each in diagonal]))
    return ""


def _tile(images: Sequence[np.ndarray]) -> np.ndarray:
    """Arrange images (h, w, 3), each stretched to its own range, in rows."""
    height, width = images[0].shape[:2]
    columns = int(np.ceil(np.sqrt(len(images) * height / width)))
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), 255, np.uint8)
    for (y, x), image in zip(_places(rows, columns), images):
        finite = np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = finite.min(), finite.max()
        place = (
            slice(y * (height + GAP), y * (height + GAP) + height),
            slice(x * (width + GAP), x * (width + GAP) + width),
        )
        sheet[place] = np.round(255 * (finite - low) / (high - low if high > low else 1))
    return sheet


def _places(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    return ((y, x) for y in range(rows) for x in range(columns))


def _as_url(pixels: np.ndarray) -> str:
    return make_data_url(encode_png(Image.fromarray(pixels)))
