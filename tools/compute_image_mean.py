"""Compute the mean image of an LMDB, as Caffe's compute_image_mean does.

    python -m tools.compute_image_mean [-backend lmdb] INPUT_DB [OUTPUT_FILE]

Writes   OUTPUT_FILE, a BlobProto for mean_file; the log has the mean of every channel, for mean_value
Exit     0 done · 1 an error · 2 bad arguments
Source   caffe 9b89154 tools/compute_image_mean.cpp
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Sequence

from fcn_repro.engine import caffe
from fcn_repro.system.gflags import Flag, GflagsParser
from fcn_repro.system.output_paths import check_outputs
from tools import program

FLAGS = {"backend": Flag("lmdb", "lmdb")}


def main(options: Any) -> None:
    program.require_torch("compute_image_mean")
    if options.backend.lower() != "lmdb":
        raise ValueError(f"-backend: got {options.backend!r}, expected lmdb")
    database, *outputs = options.paths
    inputs = list(Path(database).glob("*"))
    check_outputs([(Path(output), Path(database)) for output in outputs], inputs, "write another file")
    mean = caffe.database.compute_image_mean(database)
    for output in outputs:
        program.caffe_log("compute_image_mean.cpp")(f"Write to {output}")
        caffe.database.write_mean(output, mean)
    caffe.database.log_channel_means(mean)


def parse(arguments: Sequence[str] | None = None) -> Any:
    """Parse the command line."""
    parser = GflagsParser(__doc__, FLAGS, "[FLAGS] INPUT_DB [OUTPUT_FILE]")
    options, paths = parser.parse_counted(arguments, 1, 2)
    options.paths = paths
    return options


if __name__ == "__main__":
    sys.exit(program.run_caffe(main, parse()))
