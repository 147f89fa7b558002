"""Draw a net, coloured by layer type, with the parameters of every layer.

    python -m tools.draw voc-fcn8s                  the net that is trained
    python -m tools.draw voc-fcn8s --phase deploy   another of its nets
    python -m tools.draw path/to/net.prototxt       any net

Reads    build/<experiment>/<phase>.prototxt, written first if it is missing
Writes   an .svg and a .png beside the prototxt
Exit     0 drawn · 1 the file holds no net · 2 bad arguments · 3 no such file
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro.drawing.net_diagram.diagram import SUFFIXES, draw_net, write_diagram
from fcn_repro.engine import caffe
from fcn_repro.model.prototxt import read_layers
from fcn_repro.system.output_paths import check_outputs
from nets import PHASES
from solvers.emit import find_prototxt
from tools import program


def main(options: argparse.Namespace) -> None:
    path = find_prototxt(options.net, options.phase)
    outputs = [path.with_suffix(suffix) for suffix in SUFFIXES]
    check_outputs([(out, path) for out in outputs], [path], "rename the prototxt")
    net = read_layers(path)
    if not net.layer:
        raise ValueError(f"{path}: got no `layer`, expected a prototxt of a NetParameter")
    phase = caffe.TRAIN if options.phase == "train" else caffe.TEST
    sheet = draw_net(net, phase, str(path.with_suffix("")))
    for out in outputs:
        write_diagram(sheet, out)
    print(*outputs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", help="an experiment, or a prototxt")
    parser.add_argument("--phase", choices=PHASES, default="train", help="of an experiment; default: train")
    sys.exit(program.run(main, parser.parse_args()))
