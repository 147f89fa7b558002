"""Classify images with a trained net, as pycaffe's classify.py does.

    python -m tools.classify INPUT OUTPUT.npy [--model_def NET] [--pretrained_model WEIGHTS] ...

Reads    INPUT: an image, a folder of images with the extension --ext, or images (N, H, W, 3) in a .npy
Writes   OUTPUT.npy: class probabilities (N, classes), the images of a folder in the order of their names
Exit     0 done · 1 an error · 2 bad arguments · 3 a missing file
Source   caffe 9b89154 python/classify.py
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any, Sequence

import numpy as np

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.system.output_paths import check_outputs
from tools import program


def main(options: argparse.Namespace) -> None:
    out = Path(f"{options.output_file}{'' if options.output_file.endswith('.npy') else '.npy'}")  # as np.save names it
    read = [options.input_file, *(Path(path) for path in (options.mean_file, options.pretrained_model) if path)]
    check_outputs([(out, options.input_file)], read, "write another file")
    program.choose_pycaffe_mode(options.gpu)
    mean = np.load(program.require_file(options.mean_file), allow_pickle=False) if options.mean_file else None
    classifier = caffe.Classifier(
        program.require_file(options.model_def),
        program.require_file(options.pretrained_model),
        image_dims=options.images_dim,
        mean=mean,
        input_scale=options.input_scale,
        raw_scale=options.raw_scale,
        channel_swap=options.channel_swap,
    )
    inputs = _load(options.input_file, options.ext)
    print(f"Classifying {len(inputs)} inputs.")
    start = time.monotonic()
    predictions = classifier.predict(inputs, not options.center_only)
    print(f"Done in {time.monotonic() - start:.2f} s.")
    print(f"Saving results into {options.output_file}")
    np.save(options.output_file, predictions)


def _load(path: Path, extension: str) -> Any:
    if path.is_dir():
        print(f"Loading folder: {path}")
        images = sorted(path.glob(f"*.{extension}"))
        if not images:
            raise DataError(f"{path}: got no *.{extension}, expected images. Fix: --ext EXTENSION")
        return [caffe.io.load_image(str(image)) for image in images]
    print(f"Loading file: {path}")
    program.require_file(str(path))
    return np.load(str(path), allow_pickle=False) if path.suffix == ".npy" else [caffe.io.load_image(str(path))]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input_file", type=lambda text: Path(text).expanduser(), help="an image, a folder or a .npy")
    parser.add_argument("output_file", help="the .npy to write")
    program.add_pycaffe_options(parser)
    parser.add_argument("--center_only", action="store_true", help="the centre crop, not the mean over ten crops")
    parser.add_argument(
        "--images_dim", type=program.integers, default=[256, 256], help="height,width; default: 256,256"
    )
    parser.add_argument("--ext", default="jpg", help="of images in a folder; default: jpg")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(program.run_caffe(main, parse()))
