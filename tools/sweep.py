"""Find a learning rate: train an experiment for a short while at each of several, and compare.

    python -m tools.sweep mini-fcn32s --rates 2e-9 1e-8 5e-8 --iterations 500

With momentum 0.99 and a summed loss, a rate three times too large diverges, and one three times too small seems not to
learn; neither shows in the first hundred iterations. A rate that was tried already is not tried again.

Reads    what the experiment reads, and the weights it starts from
Writes   build/sweep/<rate>/<experiment>/
Exit     0 compared · 2 bad arguments · 3 data or weights missing · 130 stopped
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from fcn_repro import device
from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model.run_folder import BUILD, RunFolder
from fcn_repro.training import train_log
from fcn_repro.training.divergence import Diverged
from fcn_repro.training.trainer import solve
from solvers.experiments import EXPERIMENTS, Experiment
from tools import program
from tools.emit import emit_experiment
from tools.solve import recipe

SWEEP = BUILD / "sweep"


def main(options: argparse.Namespace) -> None:
    where = device.choose(options.gpu)
    row = EXPERIMENTS[options.experiment]
    outcomes = [attempt(replace(row, base_lr=rate), options.iterations, where) for rate in options.rates]
    print(f"{row.name}, {options.iterations} iterations each")
    print(f"{'base_lr':>10}  {'loss per pixel':>14}  {'mean IU':>8}")
    print("\n".join(outcomes))


def attempt(row: Experiment, iterations: int, where: str) -> str:
    """Train at a row's rate; a line that says what came of it."""
    folder = RunFolder(row.name, SWEEP / f"{row.base_lr:g}")
    emit_experiment(row, folder.build)
    try:
        solve(folder, recipe(row), iterations, where)
    except Diverged:
        return f"{row.base_lr:10g}  {'diverged':>14}"
    losses = [entry["loss_per_pixel"] for entry in train_log.read(folder.log)]
    return f"{row.base_lr:10g}  {losses[-1]:>14}  {100 * headline(read_report(folder.score))['mean_iu']:8.2f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--rates", nargs="+", type=float, required=True, metavar="RATE", help="values for base_lr")
    parser.add_argument("--iterations", type=program.positive, default=500, metavar="N", help="at each rate; 500")
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
