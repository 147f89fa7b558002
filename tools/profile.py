"""Measure the cost of a net: arithmetic, memory and time, by layer and in all, and by image size and batch.

    python -m tools.profile voc-fcn8s --cost                            counted only, at once
    python -m tools.profile voc-fcn8s                                   measured as well
    python -m tools.profile voc-fcn8s --phase train --size 375x500 --batch 2
    python -m tools.profile voc-fcn8s --sizes 100 500 1000 375x500      by image size
    python -m tools.profile voc-fcn8s --batches 1 2 4                   by batch

Needs neither data nor weights: images are noise, weights are random. Each size is measured in a separate process, which
may use the memory that is available then. Sizes that do not fit are reported and skipped. Of several sizes, those
measured before under the same conditions are taken from the files, unless --again is given.

Phases   deploy  the net that labels images     test  with its loss, as it is scored     train  with gradients
Columns  top     of the layer: channels x height x width
         stride  pixels between neighbouring cells          field  receptive field, pixels of a side
         MB      of tops, except in-place ones; in training including their gradients
         GFLOP   of filters: 2 for each weight at each position, including padding and zero weights; nothing else
                 counts. In training including those of gradients
         ms      median of passes that run layer by layer, in which every layer computes its whole top
         pass    whole passes, in which the engine may fuse layers and cache padding for an input size; PLAIN=1 in the
                 environment disables both. Updates are not part of a pass
Writes   build/profile/<experiment>/<phase>-<height>x<width>-<batch>.{prototxt,json,csv}: measurements of a size;
         build/profile/<experiment>/<phase>.{csv,svg,png,pdf}: of several sizes, a line for each batch
Exit     0 printed · 1 the net cannot take that size, or none fitted into memory · 2 bad arguments
"""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
from typing import Mapping, Sequence

from fcn_repro import device
from fcn_repro.analysis.conditions import collect_conditions, format_conditions
from fcn_repro.analysis.cost.charts import chart_costs
from fcn_repro.analysis.cost.ledger import write_csv
from fcn_repro.analysis.cost.profiler import format_net, format_rows, measure_nets, summarise_record
from fcn_repro.drawing.chart import draw_line_charts, save_figure
from solvers.experiments import EXPERIMENTS
from solvers.sized_net import FCN_SIZE, PHASES, PROFILE, Point, SizedNet, own_size
from tools import program

WIDTH, HEIGHT = 8.6, 2.8  # inches of a chart


def main(options: argparse.Namespace) -> None:
    sizes = options.sizes or [options.size or own_size(options.experiment)]
    points = itertools.product(sizes, options.batches or [options.batch])
    nets = [SizedNet(Point(options.experiment, options.phase, *point)) for point in points]
    point = nets[0].point
    at_paper_size = (point.phase, point.size, point.batch) == ("deploy", FCN_SIZE, 1)
    if options.cost:
        print("\n".join(format_net(nets[0], None, at_paper_size, options.format)))
        return
    device.choose(options.gpu)
    conditions = collect_conditions()
    if options.sizes or options.batches:
        measure_several(nets, conditions, options)
        return
    ((record, error),) = measure_nets(nets, conditions, options.passes, options.gpu, reuse=False)
    if record is None:
        raise RuntimeError(f"{point}: {error}")
    print("\n".join(format_net(nets[0], record, at_paper_size, options.format)))
    print(f"{'measured on':19}{format_conditions(conditions)}")


def measure_several(nets: Sequence[SizedNet], conditions: Mapping[str, object], options: argparse.Namespace) -> None:
    """Measure nets, print a row for each, and write the table and the charts."""
    rows, errors = [], []
    measurements = measure_nets(nets, conditions, options.passes, options.gpu, reuse=not options.again)
    for net, (record, error) in zip(nets, measurements):
        if record is None:
            errors.append(f"{net.point}: {error}")
            continue
        rows.append(summarise_record(net, record))
        logging.info("%s: forward %.2f s, peak %.2f GB", net.point, rows[-1]["forward_s"], rows[-1]["peak_gb"])
    print("\n".join([f"{options.experiment}, {options.phase}", format_rows(rows, options.format), *errors]))
    print(f"measured on {format_conditions(conditions)}")
    if not rows:
        raise RuntimeError("nothing fitted into memory")
    table = PROFILE / options.experiment / f"{options.phase}.csv"
    write_csv(table, rows)
    print(table, *save_figure(draw_line_charts(chart_costs(rows), WIDTH, HEIGHT), table))


def square_or_size(text: str) -> tuple[int, int]:
    """Parse HEIGHTxWIDTH, or the side of a square."""
    return (program.positive(text), int(text)) if text.isdecimal() else program.size(text)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS, metavar="EXPERIMENT", help=", ".join(EXPERIMENTS))
    parser.add_argument("--phase", choices=PHASES, default="deploy")
    parser.add_argument(
        "--size", type=square_or_size, metavar="SIZE", help="HEIGHTxWIDTH, or the side of a square; 500"
    )
    parser.add_argument("--batch", type=program.positive, default=1, metavar="N", help="images in a pass; 1")
    parser.add_argument("--cost", action="store_true", help="count the cost, measure nothing")
    parser.add_argument("--sizes", nargs="+", type=square_or_size, metavar="SIZE", help="measure each of these")
    parser.add_argument("--batches", nargs="+", type=program.positive, metavar="N", help="measure each of these")
    parser.add_argument("--passes", type=program.positive, default=5, metavar="N", help="of each kind that count; 5")
    parser.add_argument("--again", action="store_true", help="measure again what was measured before")
    program.add_gpu(parser)
    program.add_format(parser)
    options = parser.parse_args(arguments)
    if options.cost and (options.sizes or options.batches):
        parser.error("--cost takes one --size and one --batch, not --sizes or --batches")
    return options


if __name__ == "__main__":
    sys.exit(program.run(main, parse()))
