"""Inspect a net as one HTML page: drawing, prototxt and the facts of each layer, linked with each other.

    python -m tools.inspect voc-fcn8s                          an experiment's net for labelling images
    python -m tools.inspect voc-fcn8s --phase train            another of its nets
    python -m tools.inspect path/to/net.prototxt               any net
    python -m tools.inspect voc-fcn8s --against voc-fcn16s     two nets: what was added, removed and changed
    python -m tools.inspect voc-fcn8s --weights W.caffemodel   with filters and histograms

The page needs no network. The image size can be changed in it; every size, memory and FLOP follows.

Reads    build/<experiment>/<phase>.prototxt, written first if it is missing
Writes   build/inspect/<net>[-<phase>][-against-<net>].html, or --out
Exit     0 written · 1 the file holds no net, or the net cannot take the size · 2 bad arguments · 3 no such file
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.analysis.net_page.page import NetSource, render_net_page
from fcn_repro.datasets import DATASETS
from fcn_repro.engine import caffe
from fcn_repro.model.prototxt import read_layers
from fcn_repro.paths import BUILD
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.output_paths import check_outputs
from fcn_repro.system.untrusted_files import read_text
from nets import PHASES
from solvers.emit import find_prototxt
from solvers.experiments import EXPERIMENTS
from tools import program


def main(options: argparse.Namespace) -> None:
    source = read_source(options.net, options.phase)
    against = read_source(options.against, options.phase) if options.against else None
    out = Path(options.out) if options.out else BUILD / "inspect" / f"{name_page(options)}.html"
    inputs = [path for path in (options.net, options.against, options.weights) if path and Path(path).is_file()]
    check_outputs([(out, options.net)], inputs, "choose another --out")
    weights = caffe.Net(str(find_prototxt(options.net, options.phase)), source.phase) if options.weights else None
    if weights is not None:
        weights.copy_from(options.weights)
    page = render_net_page(source, options.size, against, weights)
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as file:
        file.write(page)
    print(out)


def read_source(net: str, phase: str) -> NetSource:
    path = find_prototxt(net, phase)
    row = EXPERIMENTS.get(net)
    return NetSource(
        name=f"{net} ({phase})" if row else net,
        text=read_text(path),
        message=read_layers(path),
        phase=caffe.TRAIN if phase == "train" else caffe.TEST,
        channels=dict(DATASETS[row.data].inputs) if row else {},
        base_lr=row.base_lr if row and phase == "train" else None,
    )


def name_page(options: argparse.Namespace) -> str:
    names = [Path(options.net).stem if options.net not in EXPERIMENTS else f"{options.net}-{options.phase}"]
    return "-against-".join([*names, *([Path(options.against).stem] if options.against else [])])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", help="an experiment, or a prototxt")
    parser.add_argument("--phase", choices=PHASES, default="deploy", help="of an experiment; default: deploy")
    parser.add_argument(
        "--size", type=program.size, default=(500, 500), metavar="HEIGHTxWIDTH", help="default: 500x500"
    )
    parser.add_argument("--against", metavar="NET", help="another experiment or prototxt, to compare with")
    parser.add_argument("--weights", metavar="FILE", help="a .caffemodel of the net")
    parser.add_argument("--out", metavar="FILE", help="the page")
    sys.exit(program.run(main, parser.parse_args()))
