"""Print a table of a net's layers, as Caffe's summarize.py does.

    python -m tools.summarize NET [-w WIDTH]

Prints   per layer: name, type, multipliers of rate (x) and decay (Dx), bottoms -> tops, kernel/stride+pad outputs;
         a blob that no layer reads is bold, one that no layer makes has a red ground
Exit     0 printed · 1 an error · 2 bad arguments · 3 a missing file
Source   caffe 9b89154 tools/extra/summarize.py
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any, Sequence

from fcn_repro.model.prototxt import read_net
from tools import program

COLOURS = ("92", "93", "94", "95", "97", "96", "42", "43;30", "100", "444", "103;30", "107;30")  # of blobs, in turn
MISSING = "41"
ESCAPE = re.compile(r"\033\[[\d;]+m")


def main(options: argparse.Namespace) -> None:
    net = read_net(Path(program.require_file(options.filename)))
    if not net.layer:
        raise ValueError(
            f"{options.filename}: got no `layer`, expected a net. Fix: python -m tools.upgrade_net_proto_text"
        )
    for line in align(summarize_net(net), options.max_width):
        print(line)


def summarize_net(net: Any) -> list[list[str]]:
    """Return a row of cells for every layer of a NetParameter."""
    unread: set[str] = set()
    for layer in net.layer:
        unread = (unread | {*layer.top}) - {*layer.bottom}
    colours: dict[str, str] = {}
    rows = []
    for layer in net.layer:
        for top in layer.top:
            colours.setdefault(top, COLOURS[len(colours) % len(COLOURS)])
        weights = [f"{weight} * " for weight in layer.loss_weight] or [""] * len(layer.top)
        tops = [
            f"\033[{colours[top]}m{weight}" + ("\033[1;4m" if top in unread else "") + f"{top}\033[0m"
            for weight, top in zip(weights, layer.top)
        ]
        bottoms = [f"\033[{colours.get(bottom, MISSING)}m{bottom}\033[0m" for bottom in layer.bottom]
        kind = f"{layer.python_param.module}.{layer.python_param.layer}" if layer.type == "Python" else layer.type
        rows.append(
            [layer.name, kind, _describe_specs(layer), ", ".join(bottoms), "->", ", ".join(tops), _window(layer)]
        )
    return rows


def _describe_specs(layer: Any) -> str:
    specs = [
        " ".join(
            [spec.name] * bool(spec.name)
            + [f"x{spec.lr_mult}"] * (spec.lr_mult != 1)
            + [f"Dx{spec.decay_mult}"] * (spec.decay_mult != 1)
        )
        for spec in layer.param
    ]
    return f"({', '.join(specs)})" if any(specs) else ""


def _window(layer: Any) -> str:
    if layer.type in ("Convolution", "Deconvolution") and len(layer.convolution_param.kernel_size) == 1:
        param = layer.convolution_param
        kernel, stride, pad = param.kernel_size[0], (*param.stride, 1)[0], (*param.pad, 0)[0]
        outputs = f" {param.num_output}" + (f"/{param.group}" if param.group != 1 else "")
    elif layer.type == "Pooling":
        param = layer.pooling_param
        kernel, stride, pad, outputs = param.kernel_size, param.stride, param.pad, ""
    else:
        return ""
    return f"{kernel}" + (f"/{stride}" if stride != 1 else "") + (f"+{pad}" if pad else "") + outputs


def align(rows: Sequence[Sequence[str]], max_width: int) -> list[str]:
    """Align cells in columns of at most `max_width`; a longer cell moves the later ones only while it must."""
    widths = [min(max(map(_shown_length, column)) + 1, max_width) for column in zip(*rows)]
    lines = []
    for row in rows:
        line, right = "", 0
        for cell, width in zip(row, widths):
            right += width
            line += f"{cell} "
            line += " " * max(right - _shown_length(line), 0)
        lines.append(line)
    return lines


def _shown_length(text: str) -> int:
    return len(ESCAPE.sub("", text))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filename", help="a net's prototxt")
    parser.add_argument("-w", "--max-width", type=int, default=30, help="of a column; default: 30")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(program.run(main, parse()))
