"""Plot the learning curves of runs: loss per pixel and mean IU by iteration.

    python -m tools.plot voc-fcn8s                       with the stages it was trained from, end to end
    python -m tools.plot voc-fcn32s voc-fcn8s-at-once    several runs over each other
    python -m tools.plot mini-fcn8s --build build/seeds/1 build/seeds/2

Reads    BUILD/EXPERIMENT/log.csv; stages without one are left out
Writes   BUILD/EXPERIMENT/curves.svg, .png and .pdf; of several runs BUILD/curves.svg, .png and .pdf; or --out
Exit     0 plotted · 2 bad arguments · 3 a run has no log: nothing is trained yet
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.analysis.learning_curves import chart_runs, chart_stages
from fcn_repro.drawing.chart import SUFFIXES, draw_line_charts, save_figure
from fcn_repro.errors import DataError
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.paths import BUILD
from fcn_repro.system.output_paths import check_outputs
from solvers.experiments import EXPERIMENTS
from tools import program

WIDTH, HEIGHT = 8.6, 3.0  # inches of a chart


def main(options: argparse.Namespace) -> None:
    runs = [RunFolder(name, build) for build in options.build for name in options.experiments]
    for run in runs:
        if not run.log.is_file():
            raise DataError(f"{run.log}: missing; expected a run's learning curve. Fix: make {run.experiment}")
    if options.out:
        check_outputs([(options.out, runs[0].log)], [run.log for run in runs], "--out ANOTHER_FILE")
    if len(runs) == 1:
        stages = [RunFolder(name, options.build[0]) for name in list_stages(runs[0].experiment)]
        charts = chart_stages(
            runs[0].experiment, [(s.experiment, s.log) for s in stages if s.log.is_file()], options.log
        )
        out = options.out or runs[0].path / "curves.svg"
    else:
        several = len(options.build) > 1
        charts = chart_runs([(str(run.path) if several else run.experiment, run.log) for run in runs], options.log)
        out = options.out or options.build[0] / "curves.svg"
    suffixes = [options.out.suffix] if options.out else SUFFIXES
    print(*save_figure(draw_line_charts(charts, WIDTH, HEIGHT), out, suffixes))


def list_stages(experiment: str) -> list[str]:
    """List an experiment and those whose weights it starts from, the first stage first."""
    chain = [experiment]
    while EXPERIMENTS[chain[0]].init in EXPERIMENTS:
        chain.insert(0, str(EXPERIMENTS[chain[0]].init))
    return chain


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="+", choices=EXPERIMENTS, metavar="EXPERIMENT", help="a run or several")
    parser.add_argument("--build", nargs="+", type=Path, default=[BUILD], metavar="FOLDER", help="of the runs; build")
    parser.add_argument("--out", type=Path, metavar="FILE", help="one file to write: .svg, .png or .pdf")
    parser.add_argument("--log", action="store_true", help="a logarithmic axis for the loss")
    sys.exit(program.run(main, parser.parse_args()))
