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

from fcn_repro.drawing.net_diagram.graph import build_graph
from fcn_repro.drawing.net_diagram.layout import place_graph
from fcn_repro.drawing.net_diagram.png import render_png
from fcn_repro.drawing.net_diagram.shapes import make_sheet, measure_box
from fcn_repro.drawing.net_diagram.svg import render_svg
from fcn_repro.engine import caffe
from fcn_repro.model.prototxt import read_layers
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.output_paths import check_outputs
from nets import PHASES
from solvers.emit import find_prototxt
from tools import program


def main(options: argparse.Namespace) -> None:
    path = find_prototxt(options.net, options.phase)
    check_outputs([(path.with_suffix(suffix), path) for suffix in (".svg", ".png")], [path], "rename the prototxt")
    net = read_layers(path)
    if not net.layer:
        raise ValueError(f"{path}: got no `layer`, expected a prototxt of a NetParameter")
    phase = caffe.TRAIN if options.phase == "train" else caffe.TEST
    diagram = make_sheet(place_graph(build_graph(net, phase), measure_box), str(path.with_suffix("")))
    with atomic_write(path.with_suffix(".svg")) as file:
        file.write(render_svg(diagram))
    with atomic_write(path.with_suffix(".png"), "wb") as file:
        render_png(diagram).save(file, "PNG")
    print(path.with_suffix(".svg"), path.with_suffix(".png"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", help="an experiment, or a prototxt")
    parser.add_argument("--phase", choices=PHASES, default="train", help="of an experiment; default: train")
    sys.exit(program.run(main, parser.parse_args()))
