"""Find a learning rate: train an experiment for a short while at each of several, and compare.

    python -m tools.sweep mini-fcn32s --rates 2e-9 1e-8 5e-8 --iterations 500

With momentum 0.99 and a summed loss, a rate three times too large diverges, and one three times too small hardly
trains. Neither shows in the first hundred iterations. Finished rates are not repeated.

Reads    the experiment's data set and initial weights
Writes   build/sweep/<rate>/<experiment>/
Exit     0 compared · 2 bad arguments · 3 data or weights missing · 130 stopped
"""

from __future__ import annotations

import argparse
import sys

from fcn_repro import device
from fcn_repro.system.text_table import format_table
from solvers.experiments import EXPERIMENTS
from solvers.sweep import COLUMNS, sweep_rates
from tools import program


def main(options: argparse.Namespace) -> None:
    row = EXPERIMENTS[options.experiment]
    rows = sweep_rates(row, options.rates, options.iterations, device.choose(options.gpu))
    print(f"{row.name}, {options.iterations} iterations each")
    print(format_table(rows, COLUMNS, options.format))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--rates", nargs="+", type=float, required=True, metavar="RATE", help="values for base_lr")
    parser.add_argument("--iterations", type=program.positive, default=500, metavar="N", help="at each rate; 500")
    program.add_format(parser)
    program.add_gpu(parser)
    sys.exit(program.run(main, parser.parse_args()))
