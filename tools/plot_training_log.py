"""Plot training logs, as Caffe's plot_training_log.py does.

    python -m tools.plot_training_log CHART_TYPE IMAGE.png LOG.log [LOG.log ...]

CHART_TYPE   0 and 1  test accuracy, the test net's first output
             2 and 3  test loss, its second output
             4 and 5  train learning rate
             6 and 7  train loss, averaged as the solver displays it
             even against iterations, odd against seconds
Exit         0 plotted · 1 not a training log · 2 bad arguments · 3 a missing file
Source       caffe 9b89154 tools/extra/plot_training_log.py.example
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Sequence

from fcn_repro.analysis.caffe_log import Log, Point, parse_log
from fcn_repro.drawing.chart import Line, LineChart, draw_line_charts, save_figure
from tools import program

X_AXES = ("Iters", "Seconds")
Y_AXES = ("Test accuracy", "Test loss", "Train learning rate", "Train loss")
CHARTS = [(y, x) for y in Y_AXES for x in X_AXES]
WIDTH, HEIGHT = 8.0, 6.0  # inches


def main(options: argparse.Namespace) -> None:
    y_axis, x_axis = CHARTS[options.chart_type]
    lines = []
    for path in options.logs:
        points = _read_points(parse_log(Path(program.require_file(path))), y_axis)
        if not points:
            raise ValueError(f"{path}: got no {y_axis}, expected it in the log. Fix: another CHART_TYPE")
        lines.append(Line(Path(path).stem, [(point[X_AXES.index(x_axis)], point.value) for point in points]))
    chart = LineChart(f"{y_axis} vs. {x_axis}", x_axis, lines)
    print(*save_figure(draw_line_charts([chart], WIDTH, HEIGHT), Path(options.image), [".png"]))


def _read_points(log: Log, y_axis: str) -> Sequence[Point]:
    if not y_axis.startswith("Test"):
        return log.losses if y_axis == "Train loss" else log.rates
    place = 3 + Y_AXES.index(y_axis)  # after NumIters, Seconds and LearningRate
    rows = [list(row.values()) for row in log.tables["Test"].rows]
    return [Point(row[0], row[1], row[place]) for row in rows if len(row) > place]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chart_type", type=int, choices=range(len(CHARTS)), metavar="CHART_TYPE", help="0 to 7")
    parser.add_argument("image", help="the .png to write")
    parser.add_argument("logs", nargs="+", metavar="LOG", help="a training log, NAME.log")
    options = parser.parse_args(arguments)
    for path, suffix in ((options.image, ".png"), *((log, ".log") for log in options.logs)):
        if not path.endswith(suffix):
            parser.error(f"got {path}, expected a name that ends in {suffix}")
    return options


if __name__ == "__main__":
    sys.exit(program.run(main, parse()))
