"""Draw a net, coloured by layer type, with the numbers of every layer.

    python -m tools.draw voc-fcn8s                  the net that learns
    python -m tools.draw voc-fcn8s --phase deploy   another one of its nets
    python -m tools.draw path/to/net.prototxt       any net

Reads    build/<experiment>/<phase>.prototxt, made if it is not there
Writes   an .svg and a .png beside the prototxt
Exit     0 drawn · 1 no net in that file · 2 bad arguments · 3 no such file
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from google.protobuf import text_format

from fcn_repro.drawing.net_diagram.graph import graph
from fcn_repro.drawing.net_diagram.layout import layout
from fcn_repro.drawing.net_diagram.png import png
from fcn_repro.drawing.net_diagram.shapes import sheet, size
from fcn_repro.drawing.net_diagram.svg import svg
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system.atomic_write import atomic_write
from nets import PHASES
from solvers.experiments import EXPERIMENTS
from tools import program
from solvers.emit import emit_experiment


def main(options: argparse.Namespace) -> None:
    path = prototxt(options.net, options.phase)
    net = caffe.proto.caffe_pb2.NetParameter()
    try:
        text_format.Merge(path.read_text(encoding="utf-8"), net)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no net: {error}") from error
    if not net.layer:
        raise ValueError(f"{path}: no net: there is no `layer` in it")
    phase = caffe.TRAIN if options.phase == "train" else caffe.TEST
    picture = sheet(layout(graph(net, phase), size), str(path.with_suffix("")))
    with atomic_write(path.with_suffix(".svg")) as file:
        file.write(svg(picture))
    with atomic_write(path.with_suffix(".png"), "wb") as file:
        png(picture).save(file, "PNG")
    print(path.with_suffix(".svg"), path.with_suffix(".png"))


def prototxt(net: str, phase: str) -> Path:
    """The file of an experiment's net, or a file by name."""
    if net in EXPERIMENTS:
        path = RunFolder(net).path / f"{phase}.prototxt"
        if not path.is_file():
            emit_experiment(EXPERIMENTS[net])
        return path
    if not Path(net).is_file():
        raise DataError(f"{net}: neither a prototxt nor an experiment; expected one of: {', '.join(EXPERIMENTS)}")
    return Path(net)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", help="an experiment, or a prototxt")
    parser.add_argument("--phase", choices=PHASES, default="train", help="of an experiment; default: train")
    sys.exit(program.run(main, parser.parse_args()))
