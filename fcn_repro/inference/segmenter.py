"""Label images with trained nets, each at its own size and with the reference's preprocessing.

from fcn_repro import Segmenter
segmenter = Segmenter("voc-fcn8s")
label_hw = segmenter("street.jpg")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Mapping, Sequence, Union

import numpy as np
from PIL import Image

from fcn_repro import device
from fcn_repro.datasets.photo import MAX_PIXELS, read_photo, to_upright_rgb
from fcn_repro.datasets.preprocessing import to_blob
from fcn_repro.drawing.image_sheet import make_sheet
from fcn_repro.errors import DataError
from fcn_repro.inference.tiling import TileSpan, choose_tile, find_extent, split_axis
from fcn_repro.model import deploy_metadata
from fcn_repro.model.class_map import argmax_classes
from fcn_repro.model.find_weights import find_model, find_weights
from fcn_repro.model.prototxt import read_layers
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.model.surgery import load
from fcn_repro.system import memory

AnyImage = Union[str, Path, Image.Image, np.ndarray]  # a file, an image of any mode, or (H, W, 3) uint8, R G B


@dataclass(frozen=True)
class Tile:
    """The scores of a part of an image, the cores of `rows` and `columns`."""

    size: tuple[int, int]  # of the image, (H, W)
    rows: TileSpan
    columns: TileSpan
    scores: Mapping[str, np.ndarray]  # of each output of the net, (C, h, w)
    total: int  # tiles of the image


class Segmenter:
    """A trained net that labels images of any size.

    Segmenter("voc-fcn8s")(image) returns the most probable class of every pixel: (H, W) integers.

    Parameters
        model     an experiment's name, that is a folder in build/, or any folder with deploy.prototxt, deploy.json
                  and final.caffemodel
        weights   a caffemodel instead of final.caffemodel. Without either, the weights that the reference released for
                  the experiment of this name, downloaded and verified
        tile      side of the tiles in pixels, rounded up to the net's stride; 0: never tile. None: no tiles if the
                  image fits in memory, else the largest that do; on a GPU no tiles up to a million pixels, then 512.
                  The labels are the same: see `tiling`
        gpu       a GPU's number, or -1 for the CPU. None: the device chosen before, else GPU 0 if there is one
    Raises   DataError if a file is missing, the net has other inputs than colour images, or it does not fit deploy.json
             (deploy_metadata.check_net); ValueError for an unusable GPU. Calls raise DataError for damaged images.
    Source   reference 1305c73, infer.py. The softmax is omitted: it changes no maximum.
    """

    def __init__(
        self, model: str | Path, weights: Path | None = None, tile: int | None = None, gpu: int | None = None
    ) -> None:
        self.folder = find_model(model)
        metadata = deploy_metadata.read(self.folder.metadata)
        if metadata.reads != ("color",):
            raise DataError(f"{self.folder.experiment} reads {' and '.join(metadata.reads)}; expected color")
        self.classes, self.mean_bgr, self.tile = metadata.classes, metadata.mean_bgr, tile
        self.weights = find_weights(self.folder, weights, allow_released=True)
        if gpu is not None or device.chosen is None:
            device.choose(gpu)
        self._other_bytes = memory.resident_bytes()
        self._net = load(self.folder.deploy, self.weights)
        deploy_metadata.check_net(self._net, metadata, self.folder.metadata)
        self._prototxt = read_layers(self.folder.deploy)

    @property
    def outputs(self) -> Sequence[str]:
        """The blobs of scores: `score`, or one for each head."""
        return list(self.classes)

    @property
    def class_names(self) -> Sequence[str]:
        """The classes of the first output, in the order of its label map's values; `classes` has those of all."""
        return self.classes[self.outputs[0]]

    def __call__(self, image: AnyImage, output: str | None = None) -> np.ndarray:
        """Return the most probable class of every pixel: (H, W), uint8 for up to 256 classes.

        `output` is one of `outputs`, by default the first.
        """
        return self.label_tiles(self.compute_tiles(image))[output or self.outputs[0]]

    def label_tiles(self, tiles: Iterator[Tile]) -> Mapping[str, np.ndarray]:
        """Assemble the label maps, one for each output, of an image's tiles."""
        labels: dict[str, np.ndarray] = {}
        for tile in tiles:
            for name, scores in tile.scores.items():
                if name not in labels:
                    labels[name] = np.empty(tile.size, np.min_scalar_type(len(scores) - 1))
                labels[name][tile.rows.core, tile.columns.core] = argmax_classes(scores[np.newaxis])[0]
        return labels

    def compute_tiles(self, image: AnyImage) -> Iterator[Tile]:
        """Yield the scores of all pixels, tile by tile; the next tile overwrites the arrays of the last one."""
        image_rgb = np.asarray(to_photo(image))
        size = (image_rgb.shape[0], image_rgb.shape[1])
        rows, columns = self._split(size)
        for row, column in ((row, column) for row in rows for column in columns):
            scores = self._forward(image_rgb[row.input, column.input])
            kept = {name: all_chw[:, row.kept, column.kept] for name, all_chw in scores.items()}
            yield Tile(size, row, column, kept, len(rows) * len(columns))

    def _split(self, size: Sequence[int]) -> Sequence[Sequence[TileSpan]]:
        tile = self.tile if self.tile is not None else choose_tile(self._net, self._prototxt, size, self._other_bytes)
        if not tile or max(size) <= tile:
            return [[TileSpan(0, length, 0, length)] for length in size]
        return [list(split_axis(length, tile, find_extent(self._prototxt, axis))) for axis, length in enumerate(size)]

    def _forward(self, image_rgb: np.ndarray) -> Mapping[str, np.ndarray]:
        data = to_blob(image_rgb, self.mean_bgr)
        (name,) = self._net.inputs
        self._net.blobs[name].reshape(1, *data.shape)
        self._net.blobs[name].data[...] = data
        self._net.forward()
        return {output: self._net.blobs[output].data[0] for output in self.outputs}


def to_photo(image: AnyImage, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return an image in the mode RGB.

    Raises   DataError for a damaged file; ValueError for an array of another shape or type
    """
    if isinstance(image, (str, Path)):
        return read_photo(Path(image), max_pixels)
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"image: got {image.dtype} of shape {image.shape}, expected uint8 (H, W, 3), R G B")
        return Image.fromarray(image)
    return to_upright_rgb(image)


def draw_stage_sheet(
    folders: Sequence[RunFolder],
    files: Sequence[tuple[Path, Path]],
    paint: Callable[[Image.Image, np.ndarray], Image.Image],
) -> Image.Image:
    """Draw images, their label maps, and the predictions of each run's final weights, one image per row.

    Parameters
        files   of each image and its label map
        paint   draws a run's (H, W) classes for an image
    """
    rows: list[list[Image.Image]] = [[read_photo(path) for path in pair] for pair in files]
    for folder in folders:
        segmenter = Segmenter(folder.path)
        for row in rows:
            row.append(paint(row[0], segmenter(row[0])))
    return make_sheet(["photograph", "label map", *(folder.experiment for folder in folders)], rows)
