"""Write a net of a fork of Caffe in Caffe's own words: spellings replaced, offsets of Crops computed.

    python -m tools.dialect net.prototxt                       to stdout; what a fork would compute otherwise is named
    python -m tools.dialect net.prototxt --dialect hed --out caffe.prototxt

Dialects   longjon, hed, rcf, deepskeleton, segnet, pspnet: docs/old-caffe-projects.md
Exit       0 written · 1 not a net, or a Crop that no offset aligns · 2 bad arguments · 3 no such file
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.prototxt import read_layers
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.output_paths import check_outputs
from tools import program


def main(options: argparse.Namespace) -> None:
    if not options.net.is_file():
        raise DataError(f"{options.net}: no such file; expected a prototxt")
    if options.out is not None:
        check_outputs([(options.out, options.net)], [options.net], "--out another.prototxt")
    os.environ["CAFFE_DIALECT"] = options.dialect
    net = read_layers(options.net)
    text = text_format.MessageToString(net)
    if options.out is None:
        print(text, end="")
    else:
        with atomic_write(options.out) as file:
            file.write(text)
    others = sorted({layer.type for layer in net.layer} - {*caffe.layer_type_list()})
    if others:
        print(
            f"{options.net}: real Caffe lacks the layer types {', '.join(others)}; this engine has them",
            file=sys.stderr,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", type=Path, help="a prototxt")
    parser.add_argument("--dialect", default="", help="the fork that it was written for; none: spellings only")
    parser.add_argument("--out", type=Path, help="where to write it; default: stdout")
    sys.exit(program.run(main, parser.parse_args()))
