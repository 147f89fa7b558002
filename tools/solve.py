"""Train one experiment, or go on with it where it was, and score it after every round.

    python -m tools.solve voc-fcn8s
    python -m tools.solve voc-fcn8s --iterations 100      a shortened run; its results say so
    python -m tools.solve voc-fcn8s --tensorboard         to be watched with: tensorboard --logdir build
    torchrun --standalone --nproc-per-node 2 -m tools.solve voc-fcn-alexnet     in two processes (docs/ranks.md)

Ctrl-C, like SIGTERM, finishes the step, writes a snapshot and stops; the same command goes on from there, to the bit.
A second Ctrl-C stops at once, and a kill, a power cut or a full disk may come at any moment: the same command then goes
on from the last snapshot that is whole. One run at a time trains an experiment.

Reads    build/<experiment>/{train,val,solver}.prototxt, the weights its row starts from, the data set
Writes   build/<experiment>/snapshot/, log.csv, final.caffemodel, score.json, pictures/examples.png, tensorboard/
Exit     0 trained · 1 diverged, or another fault · 2 bad arguments · 3 data or weights missing · 130 stopped by
         Ctrl-C, 143 by SIGTERM
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro import ranks
from fcn_repro.datasets import DATASETS
from fcn_repro.evaluation.score_report import read_report, summary
from fcn_repro.model.run_folder import BUILD, RunFolder, converted
from fcn_repro.training.trainer import Recipe, solve
from solvers.experiments import EXPERIMENTS, WEIGHTS, Experiment, classifier_of
from tools import program


def main(options: argparse.Namespace) -> None:
    row, folder = EXPERIMENTS[options.experiment], RunFolder(options.experiment)
    solve(folder, recipe(row), options.iterations, program.take_part(options.gpu), options.tensorboard)
    if ranks.is_root():
        print(summary(read_report(folder.score)))


def recipe(row: Experiment, place: Path = BUILD) -> Recipe:
    """What a row says of training, its sources being looked for in a place."""
    init = {suffix: weights(source, place) for suffix, source in row.sources.items()}
    return Recipe(*row.iterations, init, list(DATASETS[row.data].heads.values()))


def weights(init: str, place: Path = BUILD) -> Path:
    """The file that a source means: itself, a convolutionalised classifier, or what another run handed on."""
    if init.endswith(WEIGHTS):
        return Path(init)
    return converted(init, place) if classifier_of(init) else RunFolder(init, place).final


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--iterations", type=program.positive, metavar="N", help="train for N instead of the row's")
    parser.add_argument("--tensorboard", action="store_true", help="write event files for TensorBoard, too")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
