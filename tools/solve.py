"""Train one experiment, or resume it, and score it after every round.

    python -m tools.solve voc-fcn8s
    python -m tools.solve voc-fcn8s --iterations 100      a shortened run; its results are marked as shortened
    python -m tools.solve voc-fcn8s --tensorboard         watch it with: tensorboard --logdir build
    torchrun --standalone --nproc-per-node 2 -m tools.solve voc-fcn-alexnet     in two processes (docs/ranks.md)

Ctrl-C or SIGTERM finishes the step, writes a snapshot and stops. The same command resumes from there, to the bit.
A second Ctrl-C stops at once. After a kill, a power cut or a full disk, the same command resumes from the last intact
snapshot. Only one process at a time trains an experiment.

Reads    build/<experiment>/{train,val,solver}.prototxt, the weights its row starts from, the data set
Writes   build/<experiment>/snapshot/, log.csv, final.caffemodel, score.json, pictures/examples.png, tensorboard/
Exit     0 trained · 1 diverged, or another error · 2 bad arguments · 3 data or weights missing · 130 stopped by
         Ctrl-C, 143 by SIGTERM
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro import ranks
from fcn_repro.evaluation.score_report import format_summary, read_report
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.final_weights import is_trained
from fcn_repro.training.trainer import solve
from solvers.experiments import EXPERIMENTS
from solvers.features import store_row_features
from solvers.recipe import make_recipe
from tools import program


def main(options: argparse.Namespace) -> None:
    row, folder = EXPERIMENTS[options.experiment], RunFolder(options.experiment)
    recipe, device = make_recipe(row), program.join_ranks(options.gpu)
    length = options.iterations or recipe.iterations
    if ranks.is_root() and not is_trained(folder, length):
        store_row_features(row, folder)
    ranks.broadcast_from_root(lambda: None)  # the others wait for the features
    solve(folder, recipe, length, device, options.tensorboard)
    if ranks.is_root():
        print(format_summary(read_report(folder.score)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument(
        "--iterations", type=program.positive, metavar="N", help="train for N iterations, not the row's"
    )
    parser.add_argument("--tensorboard", action="store_true", help="also write event files for TensorBoard")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
