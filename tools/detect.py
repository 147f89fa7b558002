"""Classify windows of images with a trained net, as pycaffe's detect.py does.

    python -m tools.detect INPUT OUTPUT [--crop_mode list|selective_search] [--model_def NET] ...

Reads    INPUT: a .csv with the columns filename, ymin, xmin, ymax, xmax for --crop_mode list; else a list of images
Writes   OUTPUT: a .csv with a column per class, or a pandas frame "df" in an .h5 file (needs pandas and tables)
Exit     0 done · 1 an error · 2 bad arguments · 3 a missing file or package
Source   caffe 9b89154 python/detect.py
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.output_paths import check_outputs
from fcn_repro.system.untrusted_files import read_text
from tools import program

CORNERS = ("ymin", "xmin", "ymax", "xmax")


def main(options: argparse.Namespace) -> None:
    read = [Path(options.input_file), Path(options.pretrained_model)]
    check_outputs([(Path(options.output_file), read[0])], read, "write another file")
    program.choose_pycaffe_mode(options.gpu)
    mean = np.load(program.require_file(options.mean_file), allow_pickle=False) if options.mean_file else None
    if mean is not None and mean.ndim > 1:
        mean = mean.mean(axis=(1, 2))
    detector = caffe.Detector(
        program.require_file(options.model_def),
        program.require_file(options.pretrained_model),
        mean=mean,
        input_scale=options.input_scale,
        raw_scale=options.raw_scale,
        channel_swap=options.channel_swap,
        context_pad=options.context_pad,
    )
    start = time.monotonic()
    print("Loading input...")
    text = read_text(program.require_file(options.input_file))
    if options.crop_mode == "list":
        windows: Any = _read_windows(text, options.input_file).items()
        detections = detector.detect_windows(windows)
    else:
        detections = detector.detect_selective_search([line.strip() for line in text.splitlines()])
    print(f"Processed {len(detections)} windows in {time.monotonic() - start:.3f} s.")
    start = time.monotonic()
    (_write_csv if options.output_file.lower().endswith("csv") else _write_frame)(detections, options.output_file)
    print(f"Saved to {options.output_file} in {time.monotonic() - start:.3f} s.")


def _read_windows(text: str, path: str) -> dict[str, list[np.ndarray]]:
    """Return the windows of each image, in the order of the images."""
    windows: dict[str, list[np.ndarray]] = {}
    for number, row in enumerate(csv.DictReader(text.splitlines(), skipinitialspace=True), 2):
        try:
            corners = np.array([int(float(row[name])) for name in CORNERS])
            windows.setdefault(row["filename"], []).append(corners)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}:{number}: got {row}, expected filename, {', '.join(CORNERS)}") from error
    return windows


def _write_csv(detections: Sequence[Mapping[str, Any]], path: str) -> None:
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        classes = range(np.size(detections[0]["prediction"]) if detections else 0)
        writer.writerow(["filename", *CORNERS, *(f"class{index}" for index in classes)])
        for found in detections:
            writer.writerow([found["filename"], *map(int, found["window"]), *np.ravel(found["prediction"])])


def _write_frame(detections: Sequence[Mapping[str, Any]], path: str) -> None:
    try:
        import pandas
        import tables  # noqa: F401  # which pandas writes HDF5 with
    except ImportError as error:
        raise DataError(f"{path}: {error}. Fix: pip install pandas tables, or name a .csv") from error
    frame = pandas.DataFrame([{**found, **dict(zip(CORNERS, found["window"]))} for found in detections])
    frame.set_index("filename").drop(columns="window").to_hdf(path, key="df", mode="w")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input_file", help="a .csv of windows, or a list of images")
    parser.add_argument("output_file", help="the .h5 or .csv to write")
    program.add_pycaffe_options(parser)
    parser.add_argument("--crop_mode", choices=("list", "selective_search"), default="selective_search")
    parser.add_argument("--context_pad", type=int, default=16, help="pixels around a window in the input; default: 16")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(program.run_caffe(main, parse()))
