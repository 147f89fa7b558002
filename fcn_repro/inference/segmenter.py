"""Labels photographs with trained nets, each at its own size and with the reference's preprocessing.

from fcn_repro.infer import Segmenter
segmenter = Segmenter("voc-fcn8s")
label_hw = segmenter("street.jpg")
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Mapping, Sequence

import numpy as np
from google.protobuf import text_format
from PIL import Image

from fcn_repro import device
from fcn_repro.datasets.base import to_blob
from fcn_repro.datasets.download.fetch import fetch, sources
from fcn_repro.drawing.image_sheet import sheet
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.inference.photo import MAX_PIXELS, read_photograph, upright_rgb
from fcn_repro.inference.tile_size import fitting
from fcn_repro.inference.tiling import Window, reach, windows
from fcn_repro.model import deploy_metadata
from fcn_repro.model.class_map import label_map
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.model.surgery import load
from fcn_repro.paths import BUILD
from fcn_repro.system import memory

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Piece:
    """Scores of a part of a photograph of `size`, (H, W); `done` of `total` pieces are there with it."""

    size: tuple[int, int]
    rows: Window
    columns: Window
    scores: Mapping[str, np.ndarray]  # of each output of the net, (C, h, w), of the cores
    done: int
    total: int


class Segmenter:
    """A trained net that labels photographs of any size.

    Segmenter("voc-fcn8s")(image) is the most probable class of every pixel: (H, W) integers.

    Parameters
        model     an experiment's name, that is a folder in build/, or any folder with deploy.prototxt, deploy.json
                  and final.caffemodel
        weights   a caffemodel to use in place of final.caffemodel; where neither is there, the weights that the
                  reference released for an experiment of this name, fetched and checked
        tile      side in pixels of the pieces that a photograph is labelled in, rounded up to the net's stride; 0 for
                  always whole. None: whole where that fits in memory, else the largest tile that does; on a GPU whole
                  up to a million pixels, then 512. The labels are the same: see `tiling`
        gpu       a GPU by number, -1 for the CPU; None: what was chosen already, else GPU 0 if there is one
    Raises   DataError when a file is missing or the net does not read photographs; ValueError for a GPU that cannot be
             used. Calls raise DataError for what is no photograph.
    Source   reference 1305c73, infer.py. The softmax is left out: it changes no maximum.
    """

    def __init__(
        self, model: str | Path, weights: Path | None = None, tile: int | None = None, gpu: int | None = None
    ) -> None:
        self.folder = model_folder(model)
        note = deploy_metadata.read(self.folder.facts)
        if note.reads != ("color",):
            raise DataError(
                f"{self.folder.experiment} reads {' and '.join(note.reads)}; expected a net for photographs"
            )
        self.classes, self.mean_bgr, self.tile = note.classes, note.mean_bgr, tile
        self.weights = weights or model_weights(self.folder)
        if gpu is not None or device.chosen is None:
            device.choose(gpu)
        self._beside = memory.resident_bytes()
        self._net = load(self.folder.deploy, self.weights)
        text = self.folder.deploy.read_text(encoding="utf-8")
        self._prototxt = text_format.Merge(text, caffe.proto.caffe_pb2.NetParameter())

    @property
    def outputs(self) -> Sequence[str]:
        """The blobs of scores: `score`, or one for each head."""
        return list(self.classes)

    @property
    def class_names(self) -> Sequence[str]:
        """What the values in the label map of the first output stand for; `classes` has those of all outputs."""
        return self.classes[self.outputs[0]]

    def __call__(self, image: str | Path | Image.Image | np.ndarray, output: str | None = None) -> np.ndarray:
        """The most probable class of every pixel: (H, W), uint8 for up to 256 classes.

        `image` is a file, a picture of any mode, or an (H, W, 3) uint8 array, R G B; `output` one of `outputs`, by
        default the first.
        """
        return self.labels(self.pieces(image))[output or self.outputs[0]]

    def labels(self, pieces: Iterator[Piece]) -> Mapping[str, np.ndarray]:
        """The label maps, one for each output, that pieces make."""
        found: dict[str, np.ndarray] = {}
        for piece in pieces:
            for name, scores in piece.scores.items():
                if name not in found:
                    found[name] = np.empty(piece.size, np.min_scalar_type(len(scores) - 1))
                found[name][piece.rows.core, piece.columns.core] = label_map(scores[np.newaxis])[0]
        return found

    def pieces(self, image: str | Path | Image.Image | np.ndarray) -> Iterator[Piece]:
        """The scores of all pixels, piece by piece; each is overwritten by the next."""
        image_rgb = np.asarray(photograph(image))
        size = (image_rgb.shape[0], image_rgb.shape[1])
        rows, columns = self._cut(size)
        for i, (row, column) in enumerate((row, column) for row in rows for column in columns):
            scores = self._forward(image_rgb[row.whole, column.whole])
            kept = {name: all_chw[:, row.kept, column.kept] for name, all_chw in scores.items()}
            yield Piece(size, row, column, kept, i + 1, len(rows) * len(columns))

    def _cut(self, size: Sequence[int]) -> Sequence[Sequence[Window]]:
        tile = self.tile if self.tile is not None else fitting(self._net, self._prototxt, size, self._beside)
        if not tile or max(size) <= tile:
            return [[Window(0, length, 0, length)] for length in size]
        return [list(windows(length, tile, reach(self._prototxt, axis))) for axis, length in enumerate(size)]

    def _forward(self, image_rgb: np.ndarray) -> Mapping[str, np.ndarray]:
        data = to_blob(image_rgb, self.mean_bgr)
        (name,) = self._net.inputs
        self._net.blobs[name].reshape(1, *data.shape)
        self._net.blobs[name].data[...] = data
        self._net.forward()
        return {output: self._net.blobs[output].data[0] for output in self.outputs}


def photograph(image: str | Path | Image.Image | np.ndarray, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """A photograph, however it is given, in the mode RGB.

    Raises   DataError for a file that is no photograph; ValueError for an array of another shape or type
    """
    if isinstance(image, (str, Path)):
        return read_photograph(Path(image), max_pixels)
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"{image.dtype} of shape {image.shape}; expected a photograph, uint8 (H, W, 3), R G B")
        return Image.fromarray(image)
    return upright_rgb(image)


def stage_sheet(
    folders: Sequence[RunFolder],
    files: Sequence[tuple[Path, Path]],
    paint: Callable[[Image.Image, np.ndarray], Image.Image],
) -> Image.Image:
    """Photographs, their label maps, and what the final weights of each run make of them, a photograph a row.

    Parameters
        files   of each photograph and its label map
        paint   a photograph and the (H, W) classes that a run gives it, as a picture
    """
    rows: list[list[Image.Image]] = [[Image.open(str(path)) for path in pair] for pair in files]
    for folder in folders:
        segmenter = Segmenter(folder.path)
        for row in rows:
            row.append(paint(row[0], segmenter(row[0])))
    return sheet(["photograph", "label map", *(folder.experiment for folder in folders)], rows)


def model_folder(model: str | Path) -> RunFolder:
    """A model by its folder, or by its name in build/.

    Raises   DataError where there is no deploy.prototxt
    """
    path = Path(model)
    folder = RunFolder(path.name, path.parent) if (path / "deploy.prototxt").is_file() else RunFolder(str(model), BUILD)
    if not folder.deploy.is_file():
        raise DataError(f"{folder.deploy}: missing; write it: python -m tools.emit {folder.experiment}")
    return folder


def model_weights(folder: RunFolder) -> Path:
    """What a run handed on; else what the reference released under its name, fetched and checked.

    Raises   DataError where there is neither
    """
    if folder.final.exists():
        return folder.final
    name = folder.experiment
    if name not in sources():
        raise DataError(f"{folder.final}: missing; train it (make {name}) or name other weights (--weights FILE)")
    log.info("%s is not there: taking the weights that the reference released as %s", folder.final, name)
    return fetch(name)
