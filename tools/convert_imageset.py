"""Convert labelled images to an LMDB for Data layers, as Caffe's convert_imageset does.

    python -m tools.convert_imageset [FLAGS] ROOTFOLDER/ LISTFILE DB_NAME

Reads    LISTFILE: lines `path label`; ROOTFOLDER/ is put before every path
Writes   DB_NAME, a folder that must not exist; an interrupted conversion leaves none
Exit     0 done, images that cannot be read are reported and skipped · 1 an error · 2 bad arguments · 3 a missing list
Source   caffe 9b89154 tools/convert_imageset.cpp
"""

from __future__ import annotations

import sys
from typing import Any, Sequence

from fcn_repro.engine import caffe
from fcn_repro.system.gflags import Flag, GflagsParser
from tools import program

FLAGS = {
    "gray": Flag(False, "read images as grey"),
    "shuffle": Flag(False, "shuffle the images and their labels"),
    "backend": Flag("lmdb", "lmdb"),
    "resize_width": Flag(0, "width to resize to"),
    "resize_height": Flag(0, "height to resize to"),
    "check_size": Flag(False, "refuse images of several sizes"),
    "encoded": Flag(False, "store the image files"),
    "encode_type": Flag("", "store images in this format, such as png or jpg"),
}


def main(options: Any) -> None:
    program.require_torch("convert_imageset")
    from_flags = {name: getattr(options, name) for name in FLAGS}
    conversion = caffe.database.Conversion(**from_flags)
    root, listed, database = options.paths
    caffe.database.convert_imageset(root, program.require_file(listed), database, conversion)


def parse(arguments: Sequence[str] | None = None) -> Any:
    """Parse the command line."""
    parser = GflagsParser(__doc__, FLAGS, "[FLAGS] ROOTFOLDER/ LISTFILE DB_NAME")
    options, paths = parser.parse_counted(arguments, 3, 3)
    options.paths = paths
    return options


if __name__ == "__main__":
    sys.exit(program.run_caffe(main, parse()))
