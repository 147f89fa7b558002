"""Explain a net's sizes: each blob's size, where its cells lie, and how pads, kernels and offsets follow.

    python -m tools.explain voc-fcn8s                 for an image of 500 x 500
    python -m tools.explain voc-fcn8s --size 375x500  height x width

Columns  size     height x width in cells; convolution rounds down, pooling rounds up
         first    the pixel at the centre of cell 0; negative in the padding
         every    the stride in pixels: the distance of two cells
         sees     the side of the receptive field in pixels
Reads    build/<experiment>/deploy.prototxt, written if missing
Exit     0 explained · 1 the net cannot take that size · 2 bad arguments
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, Mapping, Sequence

from fcn_repro.engine import caffe
from fcn_repro.layer_params.conv_window import SLIDING, read_window
from fcn_repro.layer_params.crop_offsets import read_crop_offsets
from fcn_repro.model.prototxt import read_net
from fcn_repro.model.receptive_field import explain_offsets, explain_padding, find_grids
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.system.text_table import format_table
from solvers.emit import emit_experiment
from solvers.experiments import EXPERIMENTS
from tools import program

COLUMNS = ("layer", "type", "window", "channels", "size", "first", "every", "sees", "parameters")


def main(options: argparse.Namespace) -> None:
    path = RunFolder(options.experiment).deploy
    if not path.is_file():
        emit_experiment(EXPERIMENTS[options.experiment])
    message, net = read_net(path), caffe.Net(str(path), caffe.TEST)
    for name in net.inputs:
        net.blobs[name].reshape(*net.blobs[name].shape[:2], *options.size)
    net.reshape()
    grids = find_grids(message)
    rows = [make_row(layer, net, grids) for layer in message.layer if list(layer.top) != list(layer.bottom)]
    print(f"{path}, image {options.size[0]} x {options.size[1]}\n")
    print(format_table(rows, COLUMNS, options.format))
    parameters = sum(blob.count for blobs in net.params.values() for blob in blobs)
    print(f"\n{parameters:,} parameters, interpolation included\n")
    print("\n\n".join([*filter(None, [explain_padding(message)]), *explain_offsets(message)]))


def make_row(layer: Any, net: caffe.Net, grids: Mapping[str, Any]) -> Sequence[str]:
    channels, *size = list(net.blobs[layer.top[0]].shape)[1:]
    grid = grids.get(layer.top[0])
    position = (f"{grid.offset:g}", f"{grid.stride:g}", str(grid.receptive_field)) if grid else ("", "", "")
    parameters = sum(blob.count for blob in net.params[layer.name]) if layer.name in net.params else 0
    cells = (layer.name, layer.type, format_window(layer), str(channels), " x ".join(map(str, size)), *position)
    return (*cells, f"{parameters:,}" if parameters else "")


def format_window(layer: Any) -> str:
    if layer.type == "Crop":
        return f"offset {read_crop_offsets(layer)[0]}"
    if layer.type not in SLIDING:
        return ""
    window = read_window(layer)
    sides = (window.kernel, window.stride, window.pad)
    kernel, stride, pad = ("x".join(map(str, dict.fromkeys(values))) for values in sides)
    return kernel + (f" / {stride}" if stride != "1" else "") + (f" + {pad}" if pad != "0" else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS, metavar="EXPERIMENT", help=", ".join(EXPERIMENTS))
    parser.add_argument(
        "--size", type=program.size, default=(500, 500), metavar="HEIGHTxWIDTH", help="default: 500x500"
    )
    program.add_format(parser)
    sys.exit(program.run(main, parser.parse_args()))
