"""Plot the learning curves of an experiment and of the stages it was trained from, one after the other.

    python -m tools.plot voc-fcn8s
    python -m tools.plot mini-fcn8s --build build/seeds/2

Reads    build/<experiment>/log.csv of every stage that has one
Writes   build/<experiment>/curves.svg and curves.png: loss per pixel, and mean IU, by iteration
Exit     0 plotted · 2 bad arguments · 3 nothing trained yet
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.analysis.curves import learning_charts
from fcn_repro.drawing.image_sheet import save
from fcn_repro.drawing.net_diagram.chart import charts
from fcn_repro.drawing.net_diagram.png import png
from fcn_repro.drawing.net_diagram.svg import svg
from fcn_repro.errors import DataError
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.paths import BUILD
from fcn_repro.system.atomic_write import atomic_write
from solvers.experiments import EXPERIMENTS
from tools import program

WIDTH, HEIGHT = 860.0, 300.0  # of a chart


def main(options: argparse.Namespace) -> None:
    folders = [RunFolder(name, options.build) for name in stages(options.experiment)]
    last = folders[-1]
    if not last.log.is_file():
        raise DataError(f"{last.log}: missing; expected the learning curve of a run. Train it: make {last.experiment}")
    runs = [(folder.experiment, folder.log) for folder in folders if folder.log.is_file()]
    sheet = charts(learning_charts(runs), WIDTH, HEIGHT)
    out = last.path / "curves.svg"
    with atomic_write(out) as file:
        file.write(svg(sheet))
    save(out.with_suffix(".png"), png(sheet))
    print(out, out.with_suffix(".png"))


def stages(experiment: str) -> list[str]:
    """A run and those whose weights it goes on from, the first one first."""
    chain = [experiment]
    while EXPERIMENTS[chain[0]].init in EXPERIMENTS:
        chain.insert(0, str(EXPERIMENTS[chain[0]].init))
    return chain


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--build", type=Path, default=BUILD, metavar="FOLDER", help="where its folder is; build")
    sys.exit(program.run(main, parser.parse_args()))
