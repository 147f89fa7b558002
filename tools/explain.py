"""Explain a net's sizes: how large every blob is, where its cells lie, and where pads, kernels and offsets come from.

    python -m tools.explain voc-fcn8s                 for an image of 500 x 500
    python -m tools.explain voc-fcn8s --size 375x500  height x width

Columns  size     height x width in cells; convolution rounds down, pooling rounds up
         first    the pixel at the centre of cell 0; negative in the padding
         every    pixels from one cell to the next: the stride down to here
         sees     pixels to a side that a cell is computed from: its receptive field
Reads    build/<experiment>/deploy.prototxt, made if it is not there
Exit     0 explained · 1 the net cannot take that size · 2 bad arguments
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Sequence

from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.model.receptive_field import derivations, grids, padding
from fcn_repro.model.run_folder import RunFolder
from solvers.experiments import EXPERIMENTS
from tools import program
from tools.emit import emit_experiment

COLUMNS = ("layer", "type", "window", "channels", "size", "first", "every", "sees", "parameters")


def main(options: argparse.Namespace) -> None:
    path = RunFolder(options.experiment).deploy
    if not path.is_file():
        emit_experiment(EXPERIMENTS[options.experiment])
    message = text_format.Merge(path.read_text(encoding="utf-8"), caffe.proto.caffe_pb2.NetParameter())
    net = sized(path, options.size)
    at = grids(message)
    rows = [row(layer, net, at) for layer in message.layer if list(layer.top) != list(layer.bottom)]
    print(f"{path}, image {options.size[0]} x {options.size[1]}\n")
    for line in table([COLUMNS, *rows]):
        print(line)
    print(
        f"\n{sum(blob.count for blobs in net.params.values() for blob in blobs):,} parameters, interpolation included\n"
    )
    print("\n\n".join([*filter(None, [padding(message)]), *derivations(message)]))


def sized(path: Path, size: Sequence[int]) -> caffe.Net:
    """The net, reshaped to an image of a height and width."""
    net = caffe.Net(str(path), caffe.TEST)
    for name in net.inputs:
        net.blobs[name].reshape(*net.blobs[name].shape[:2], *size)
    net.reshape()
    return net


def row(layer: Any, net: caffe.Net, at: dict) -> Sequence[str]:
    channels, *size = list(net.blobs[layer.top[0]].shape)[1:]
    grid = at.get(layer.top[0])
    where = (f"{grid.first:g}", f"{grid.spacing:g}", str(grid.sees)) if grid else ("", "", "")
    parameters = sum(blob.count for blob in net.params[layer.name]) if layer.name in net.params else 0
    return (
        *(layer.name, layer.type, window(layer), str(channels), " x ".join(str(side) for side in size), *where),
        f"{parameters:,}" if parameters else "",
    )


def window(layer: Any) -> str:
    if layer.type == "Crop":
        return f"offset {layer.crop_param.offset[0]}"
    if layer.type == "Pooling":
        param = layer.pooling_param
        kernel, stride, pad = param.kernel_size, param.stride, param.pad
    elif layer.type in ("Convolution", "Deconvolution"):
        param = layer.convolution_param
        kernel, stride, pad = param.kernel_size[0], (*param.stride, 1)[0], (*param.pad, 0)[0]
    else:
        return ""
    return f"{kernel}" + (f" / {stride}" if stride > 1 else "") + (f" + {pad}" if pad else "")


def table(rows: Sequence[Sequence[str]]) -> Sequence[str]:
    """Columns of equal width, text to the left and numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    lines = []
    for cells in rows:
        padded = [cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(cells, widths))]
        lines.append("  ".join(padded).rstrip())
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS, metavar="EXPERIMENT", help=", ".join(EXPERIMENTS))
    parser.add_argument(
        "--size", type=program.size, default=(500, 500), metavar="HEIGHTxWIDTH", help="default: 500x500"
    )
    sys.exit(program.run(main, parser.parse_args()))
