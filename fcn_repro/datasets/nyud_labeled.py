"""Convert the files that NYUDv2's authors publish to those that its data layers read.

Files in data/downloads
    nyu_depth_v2_labeled.mat   HDF5 as MATLAB 7.3 writes it, axes reversed: images (N, 3, 640, 480) uint8, depths and
                               rawDepths (N, 640, 480), metres; depths has filled holes, rawDepths has 0 there
    labels40.mat               MATLAB 5, labels40 (480, 640, N): 0 void, 1-40 classes
    splits.mat                 MATLAB 5, trainNdxs and testNdxs: image numbers, from 1
Missing     The depth files hold depths unchanged; the planes of HHA use the pixels that rawDepths has. A hole in depths
            is an error, since nets take the logarithm. `hha.HOLES` fills holes of other cameras (tools.hha).
Images      The first id is 5001. The crop is the 560 x 425 pixels with colour and depth.
Not run     on the real files, which are unavailable here; the tests use stand-ins of the same layout. nyud.tar.gz
            probably holds the same images (sizes, ids and units agree), which is not verified.
Source      the data set's documentation; rcnn-depth (Gupta et al., ECCV 2014): ids, crop and millimetres
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Mapping

import h5py
import numpy as np

from fcn_repro.datasets import file_readers, hha, mat_file
from fcn_repro.datasets.preparation import check_disjoint, write_mat, write_png
from fcn_repro.errors import DataError
from fcn_repro.system.progress import Progress

FIRST_ID = 5001
SIZE = (480, 640)  # height, width
TOP, LEFT, HEIGHT, WIDTH = 45, 40, 425, 560  # the crop
CAMERAS = {SIZE: hha.NYUD_CAMERA, (HEIGHT, WIDTH): hha.NYUD_CAMERA.crop(LEFT, TOP)}
FARTHEST_M = 65.5  # 16 bits of millimetres
LABELS_BYTES = 4 << 30  # limit of the unpacked labels40: 445 million pixels of up to eight bytes
ARRAYS = {"images": (3, 640, 480), "depths": (640, 480), "rawDepths": (640, 480)}


def read_splits(path: Path) -> Mapping[str, tuple[str, ...]]:
    """Read the ids of test, and of train, which is elsewhere called trainval.

    Raises   DataError for a damaged file, and for an image in both splits
    """
    splits = {
        name: tuple(str(FIRST_ID - 1 + int(number)) for number in file_readers.read_mat(path, f"{name}Ndxs").ravel())
        for name in ("train", "test")
    }
    check_disjoint(path, splits)
    return splits


def write_items(labeled: Path, labels40: Path, files: Mapping[str, Mapping[str, Path]]) -> None:
    """Write the missing files of items: colour, depth in millimetres, HHA, labels.

    `files` holds, by id, the paths of color, depth, hha and label.

    Raises   DataError when a source is damaged, has another layout, or lacks an item
    """
    todo = {item: paths for item, paths in files.items() if not all(path.is_file() for path in paths.values())}
    if not todo:
        return
    labels_hwn = _labels(labels40, todo)
    try:
        with h5py.File(str(labeled), "r") as arrays, Progress(len(todo), f"write {labeled.name}") as progress:
            _check_arrays(labeled, arrays, todo)
            for item, paths in todo.items():
                number = int(item) - FIRST_ID
                _write_images(labeled, arrays, number, paths)
                write_mat(paths["label"], {"segmentation": _crop(labels_hwn[:, :, number])})
                progress.advance()
    except OSError as error:
        raise file_readers.read_error(labeled, "HDF5 file", error) from error


def _write_images(labeled: Path, arrays: h5py.File, number: int, paths: Mapping[str, Path]) -> None:
    image_rgb, depth_m, raw_m = (_crop(arrays[name][number].T) for name in ARRAYS)
    missing = np.count_nonzero(~((depth_m > 0) & (depth_m < FARTHEST_M)))  # so is NaN
    if missing:
        raise DataError(
            f"{labeled}: depths of image {FIRST_ID + number}: got {missing} pixels that are NaN, zero, negative or "
            f"beyond {FARTHEST_M} m; expected filled holes"
        )
    write_png(paths["color"], image_rgb)
    write_png(paths["depth"], np.round(1000 * depth_m).astype(np.uint16))
    write_png(paths["hha"], hha.encode(depth_m, CAMERAS[HEIGHT, WIDTH], measured=raw_m))


def _crop(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH])


def _labels(path: Path, items: Iterable[str]) -> np.ndarray:
    try:
        labels_hwn = mat_file.load(path, "labels40", limit=LABELS_BYTES)["labels40"]
    except file_readers.DAMAGED_MAT as error:
        raise file_readers.read_error(path, ".mat file with labels40", error) from error
    if labels_hwn.ndim != 3 or labels_hwn.shape[:2] != SIZE:
        raise DataError(f"{path}: got labels40 of shape {labels_hwn.shape}; expected {SIZE} and an image axis")
    _check_number(path, labels_hwn.shape[2], items)
    return labels_hwn


def _check_arrays(path: Path, arrays: h5py.File, items: Iterable[str]) -> None:
    for name, shape in ARRAYS.items():
        found = arrays[name].shape if name in arrays else None
        if found is None or found[1:] != shape:
            raise DataError(f"{path}: got {name} of shape {found}; expected an image axis, then {shape}")
        _check_number(path, found[0], items)


def _check_number(path: Path, images: int, items: Iterable[str]) -> None:
    missing = [item for item in items if not 0 <= int(item) - FIRST_ID < images]
    if missing:
        raise DataError(f"{path}: got {images} images, from {FIRST_ID}; expected {missing[0]} among them")
