"""From the files that NYUDv2's authors publish to those that its data layers read.

Files in data/downloads
    nyu_depth_v2_labeled.mat   HDF5 as MATLAB 7.3 writes it, axes reversed: images (N, 3, 640, 480) uint8, depths and
                               rawDepths (N, 640, 480), metres; depths has its holes filled, rawDepths has 0 there
    labels40.mat               MATLAB 5, labels40 (480, 640, N): 0 void, 1-40 classes
    splits.mat                 MATLAB 5, trainNdxs and testNdxs: numbers of pictures, from 1
Missing     depths is written as it is; the planes of HHA come from what rawDepths has. A picture whose depths lack a
            pixel is refused: nets take the logarithm. `hha.HOLES` fills holes in HHA of other cameras (tools.hha).
Pictures    The first is 5001. All are cropped to the 560 x 425 pixels that have colour and depth.
Not run     on the real files, which cannot be had here: what is tested is stand-ins of this very layout, pixel for
            pixel. That nyud.tar.gz holds the same pictures is likely (sizes, ids and units agree) and not verified.
Source      the data set's own documentation; rcnn-depth (Gupta et al., ECCV 2014): ids, crop and millimetres
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Mapping

import h5py
import numpy as np
import scipy.io

from fcn_repro.datasets import file_readers, hha, mat_file
from fcn_repro.datasets.preparation import write_png
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.progress import Progress

FIRST_ID = 5001
SIZE = (480, 640)  # height, width
TOP, LEFT, HEIGHT, WIDTH = 45, 40, 425, 560  # the crop
CAMERAS = {SIZE: hha.NYUD_CAMERA, (HEIGHT, WIDTH): hha.NYUD_CAMERA.cropped(LEFT, TOP)}
FARTHEST_M = 65.5  # 16 bits of millimetres
LABELS_BYTES = 4 << 30  # of labels40, unpacked: it has 445 million pixels, of up to eight bytes
ARRAYS = {"images": (3, 640, 480), "depths": (640, 480), "rawDepths": (640, 480)}


def read_splits(path: Path) -> Mapping[str, tuple[str, ...]]:
    """The ids of train, which others call trainval, and test.

    Raises   DataError when the file is not what it should be, or a picture is in both
    """
    splits = {
        name: tuple(str(FIRST_ID - 1 + int(number)) for number in file_readers.read_mat(path, f"{name}Ndxs").ravel())
        for name in ("train", "test")
    }
    both = set(splits["train"]) & set(splits["test"])
    if both:
        raise DataError(f"{path}: picture {min(both)} is in train and in test; expected it in one of them")
    return splits


def write_items(labeled: Path, labels40: Path, files: Mapping[str, Mapping[str, Path]]) -> None:
    """Write the files of items, as far as they are not there: colour, depth in millimetres, HHA, labels.

    `files` has, by id, where color, depth, hha and label go.

    Raises   DataError when a source is damaged, of another layout, or lacks one of the items
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
                _write_pictures(labeled, arrays, number, paths)
                _write_label(paths["label"], _cropped(labels_hwn[:, :, number]))
                progress.advance()
    except OSError as error:
        raise file_readers.read_error(labeled, "HDF5 file", error) from error


def _write_pictures(labeled: Path, arrays: h5py.File, number: int, paths: Mapping[str, Path]) -> None:
    image_rgb, depth_m, raw_m = (_cropped(arrays[name][number].T) for name in ARRAYS)
    missing = np.count_nonzero(~((depth_m > 0) & (depth_m < FARTHEST_M)))  # so is NaN
    if missing:
        raise DataError(
            f"{labeled}: picture {FIRST_ID + number} has {missing} pixels in depths that are zero, negative, no number "
            f"or beyond {FARTHEST_M} m; expected its holes to be filled"
        )
    write_png(paths["color"], image_rgb)
    write_png(paths["depth"], np.round(1000 * depth_m).astype(np.uint16))
    write_png(paths["hha"], hha.encode(depth_m, CAMERAS[HEIGHT, WIDTH], measured=raw_m))


def _write_label(path: Path, label_hw: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "wb") as file:
        scipy.io.savemat(file, {"segmentation": label_hw}, do_compression=True)


def _cropped(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH])


def _labels(path: Path, items: Iterable[str]) -> np.ndarray:
    try:
        labels_hwn = mat_file.load(path, "labels40", limit=LABELS_BYTES)["labels40"]
    except file_readers.DAMAGED_MAT as error:
        raise file_readers.read_error(path, ".mat file with labels40", error) from error
    if labels_hwn.ndim != 3 or labels_hwn.shape[:2] != SIZE:
        raise DataError(f"{path}: labels40 of shape {labels_hwn.shape}; expected {SIZE} and an axis of pictures")
    _check_number(path, labels_hwn.shape[2], items)
    return labels_hwn


def _check_arrays(path: Path, arrays: h5py.File, items: Iterable[str]) -> None:
    for name, shape in ARRAYS.items():
        found = arrays[name].shape if name in arrays else None
        if found is None or found[1:] != shape:
            raise DataError(f"{path}: {name} of shape {found}; expected an axis of pictures, then {shape}")
        _check_number(path, found[0], items)


def _check_number(path: Path, pictures: int, items: Iterable[str]) -> None:
    beyond = [item for item in items if not 0 <= int(item) - FIRST_ID < pictures]
    if beyond:
        raise DataError(f"{path}: {pictures} pictures, from {FIRST_ID} on; {beyond[0]} is not among them")
