"""Encode depth as HHA: horizontal disparity, height above ground, angle with gravity.

    python -m tools.hha data/nyud/data/depth/*.png --out build/hha
    python -m tools.hha kinect.png --out build/hha --camera 525 525 319.5 239.5 --holes zero

A depth file has one channel: whole numbers in millimetres, such as a PNG of 16 bits, or floats in metres (TIFF);
--per-metre gives another unit. 0, and NaN in floats, is a hole.
Without --camera the images must be NYUDv2's: 640 x 480 pixels, or cropped to 560 x 425 for benchmarks.

Reads    the depth files; with --raw FOLDER also files of the same names there: pixels of 0 in those were filled in
         later, and the planes behind the angles ignore them
Writes   FOLDER/NAME.png, R G B: disparity, height, angle, as fcn_repro/datasets/hha.py defines them
Exit     0 written · 2 bad arguments · 3 depth missing or damaged, refused holes, or an output would replace an input or
         another output
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from fcn_repro.datasets import file_readers, hha
from fcn_repro.datasets.hha import Camera
from fcn_repro.datasets.nyud_labeled import CAMERAS
from fcn_repro.datasets.preparation import write_png
from fcn_repro.errors import DataError
from fcn_repro.system.output_paths import check_outputs
from fcn_repro.system.progress import Progress
from tools import program

FARTHEST = 200  # metres; floats beyond it are in another unit


def main(options: argparse.Namespace) -> None:
    outputs = [options.out / f"{path.stem}.png" for path in options.depth]
    raws = [options.raw / path.name for path in options.depth] if options.raw else []
    fix = "--out ANOTHER_FOLDER, one for each folder of depth"
    check_outputs(zip(outputs, options.depth), [*options.depth, *raws], fix)
    with Progress(len(options.depth), "hha") as progress:
        for path, out in zip(options.depth, outputs):
            depth = read_metres(path, options.per_metre)
            raw = options.raw and file_readers.read_depth(options.raw / path.name)
            camera = Camera(*options.camera) if options.camera else find_camera(path, depth)
            try:
                encoded = hha.encode(depth, camera, raw, options.holes)
            except (DataError, ValueError) as error:
                raise DataError(f"{path}: {error}") from error
            write_png(out, encoded)
            progress.advance()
    print(f"wrote {len(options.depth)} images to {options.out}")


def read_metres(path: Path, per_metre: float | None) -> np.ndarray:
    """Read depth in metres: (H, W), 0 for holes.

    Whole numbers are millimetres and floats metres, unless `per_metre` is given.
    Raises   DataError for negative depth, and floats that are no metres
    """
    depth = file_readers.read_depth(path)
    is_float = depth.dtype.kind == "f"
    depth_m = np.where(np.isfinite(depth), depth, 0) / (per_metre or (1.0 if is_float else 1000.0))
    if depth_m.min() < 0:
        raise DataError(f"{path}: got a depth of {depth_m.min():g} m; expected 0 for holes, and positive numbers")
    if is_float and not per_metre and depth_m.max() > FARTHEST:
        got = f"got floats up to {depth_m.max():g}; expected metres, up to {FARTHEST}"
        raise DataError(f"{path}: {got}. Fix for millimetres: --per-metre 1000")
    return depth_m


def find_camera(path: Path, depth: np.ndarray) -> Camera:
    """Return NYUDv2's camera for the image size."""
    if depth.shape not in CAMERAS:
        known = " or ".join(f"{width} x {height}" for height, width in CAMERAS)
        remedy = "Fix: give the camera: --camera FX FY CX CY"
        raise DataError(f"{path}: got {depth.shape[1]} x {depth.shape[0]} pixels; expected NYUDv2's {known}. {remedy}")
    return CAMERAS[depth.shape]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("depth", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder of the results")
    parser.add_argument("--raw", type=Path, metavar="FOLDER", help="depth files before their holes were filled")
    camera = ("FX", "FY", "CX", "CY")
    parser.add_argument("--camera", nargs=4, type=float, metavar=camera, help="focal lengths, principal point, pixels")
    parser.add_argument(
        "--per-metre", type=float, metavar="N", help="units of depth in a metre; default: 1000, of floats 1"
    )
    policies = "; ".join(f"{name}: {meaning}" for name, meaning in hha.HOLES.items())
    parser.add_argument("--holes", choices=hha.HOLES, default="nearest", help=f"value of holes: {policies}")
    sys.exit(program.run(main, parser.parse_args()))
