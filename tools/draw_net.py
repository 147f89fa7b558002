"""Draw a net, as pycaffe's draw_net.py does with pydot and graphviz.

    python -m tools.draw_net NET IMAGE [--rankdir LR] [--phase TRAIN|TEST|ALL] [--display_lrm]

Writes   IMAGE in the format of its extension. Without pydot or graphviz, this project draws .svg and .png
Exit     0 drawn · 1 an error · 2 bad arguments · 3 a missing file, or a missing package for the format
Source   caffe 9b89154 python/draw_net.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Sequence

from fcn_repro.drawing.net_diagram.diagram import SUFFIXES, draw_net, write_diagram
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.prototxt import read_net
from fcn_repro.system.output_paths import check_outputs
from tools import program


def main(options: argparse.Namespace) -> None:
    check_outputs([(Path(options.image), Path(options.net))], [Path(options.net)], "write another image")
    net = read_net(Path(program.require_file(options.net)))
    print(f"Drawing net to {options.image}")
    phase = None if options.phase == "ALL" else getattr(caffe, options.phase)
    try:
        caffe.draw.draw_net_to_file(net, options.image, options.rankdir, phase, options.display_lrm)
    except (ImportError, OSError) as error:
        image = Path(options.image)
        if image.suffix not in SUFFIXES:
            fix = "pip install pydot and install graphviz, or name an .svg or .png"
            raise DataError(f"{image}: {error}. Fix: {fix}") from error
        print(f"graphviz is not available, drawing without it: {error}", file=sys.stderr)
        write_diagram(draw_net(net, phase, net.name or "Net"), image)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", help="a net's prototxt")
    parser.add_argument("image", help="the image to write")
    parser.add_argument("--rankdir", default="LR", help="graphviz's direction: TB, LR, ...; default: LR")
    parser.add_argument("--phase", choices=("TRAIN", "TEST", "ALL"), default="ALL", help="default: ALL")
    parser.add_argument("--display_lrm", action="store_true", help="show learning-rate multipliers")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(program.run(main, parse()))
