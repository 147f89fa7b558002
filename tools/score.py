"""Score weights on an experiment's validation split: its own final weights, or other weights of the same net.

    python -m tools.score voc-fcn8s
    python -m tools.score voc-fcn8s --weights data/downloads/fcn8s-heavy-pascal.caffemodel --pictures
    torchrun --standalone --nproc-per-node 2 -m tools.score voc-fcn8s           in two processes (docs/ranks.md)

Reads    build/<experiment>/val.prototxt, the weights, the split's images and labels
Writes   build/<experiment>/score.json, or NAME.score.json for weights of another NAME; with --images, which scores a
         part of the split, nothing; with --pictures, build/<experiment>/pictures/NAME/
Exit     0 scored · 2 bad arguments · 3 data or weights missing
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.evaluation.score_report import format_summary
from fcn_repro.model.find_weights import find_weights
from fcn_repro.model.run_folder import RunFolder
from solvers.experiments import EXPERIMENTS
from solvers.score_run import score_run
from tools import program


def main(options: argparse.Namespace) -> None:
    weights = find_weights(RunFolder(options.experiment), options.weights)
    device = program.join_ranks(options.gpu)
    report = score_run(EXPERIMENTS[options.experiment], weights, device, options.images, options.pictures)
    if report:
        print(format_summary(report))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--weights", type=Path, metavar="FILE", help="score these weights, not the final ones")
    parser.add_argument("--images", type=program.positive, metavar="N", help="only the first N of the split")
    parser.add_argument("--pictures", action="store_true", help="keep the predicted label maps")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
