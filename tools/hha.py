"""Encode depth as HHA: horizontal disparity, height above ground, angle with gravity.

    python -m tools.hha data/nyud/data/depth/*.png --out build/hha
    python -m tools.hha kinect.png --out build/hha --camera 525 525 319.5 239.5 --holes zero

A depth file is a PNG with one channel of 16 bits, in millimetres unless --per-metre is given; 0 is a hole.
Without --camera the images must be NYUDv2's: 640 x 480 pixels, or cropped to 560 x 425 for benchmarks.

Reads    the depth files; with --raw FOLDER also files of the same names there: pixels of 0 in those were filled in
         later, and the planes behind the angles ignore them
Writes   FOLDER/NAME.png, R G B: disparity, height, angle, as fcn_repro/datasets/hha.py defines them
Exit     0 written · 2 bad arguments · 3 depth missing or damaged, or refused holes
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
from fcn_repro.system.progress import Progress
from tools import program


def main(options: argparse.Namespace) -> None:
    with Progress(len(options.depth), "hha") as progress:
        for path in options.depth:
            depth = file_readers.read_depth(path)
            raw = options.raw and file_readers.read_depth(options.raw / path.name)
            camera = Camera(*options.camera) if options.camera else find_camera(path, depth)
            try:
                encoded = hha.encode(depth / options.per_metre, camera, raw, options.holes)
            except (DataError, ValueError) as error:
                raise DataError(f"{path}: {error}") from error
            write_png(options.out / path.name, encoded)
            progress.advance()
    print(f"wrote {len(options.depth)} images to {options.out}")


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
    parser.add_argument("--per-metre", type=float, default=1000.0, metavar="N", help="1000: millimetres")
    policies = "; ".join(f"{name}: {meaning}" for name, meaning in hha.HOLES.items())
    parser.add_argument("--holes", choices=hha.HOLES, default="nearest", help=f"value of holes: {policies}")
    sys.exit(program.run(main, parser.parse_args()))
