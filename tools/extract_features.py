"""Write a net's feature maps of its data layers' images to LMDBs, as Caffe's extract_features does.

    python -m tools.extract_features WEIGHTS NET BLOB[,BLOB] DB_NAME[,DB_NAME] BATCHES lmdb [CPU | GPU [DEVICE_ID]]

Writes   one folder per blob, which must not exist: a Datum per image, with the blob's numbers as float_data
Exit     0 done · 1 an error · 2 bad arguments · 3 a missing file
Source   caffe 9b89154 tools/extract_features.cpp
"""

from __future__ import annotations

import argparse
import sys
from typing import Sequence

from fcn_repro import device
from fcn_repro.engine import caffe
from tools import program


def main(options: argparse.Namespace) -> None:
    program.require_torch("extract_features")
    device.choose(options.device_id if options.mode == "GPU" else -1)
    net = caffe.Net(program.require_file(options.net), caffe.TEST)
    net.copy_from(program.require_file(options.weights))
    caffe.database.extract_features(
        net, options.blobs.split(","), options.databases.split(","), options.batches, options.backend
    )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="a caffemodel")
    parser.add_argument("net", help="a prototxt with a data layer")
    parser.add_argument("blobs", help="names of blobs, separated by ','")
    parser.add_argument("databases", help="a folder for each, separated by ','")
    parser.add_argument("batches", type=program.positive, help="number of forward passes")
    parser.add_argument("backend", help="lmdb")
    parser.add_argument("mode", nargs="?", choices=("CPU", "GPU"), default="CPU")
    parser.add_argument("device_id", nargs="?", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(program.run_caffe(main, parse()))
