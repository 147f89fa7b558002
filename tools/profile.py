"""What a net costs: arithmetic, memory and time, layer by layer and in all, and how they grow with image and batch.

    python -m tools.profile voc-fcn8s --cost                            by arithmetic alone, at once
    python -m tools.profile voc-fcn8s                                   measured, too
    python -m tools.profile voc-fcn8s --phase train --size 375x500 --batch 2
    python -m tools.profile voc-fcn8s --sizes 100 500 1000 375x500      against the size of the image
    python -m tools.profile voc-fcn8s --batches 1 2 4                   against the batch

Needs neither data nor weights: images are noise, weights are random. Each size is measured in a process of its own, and
may take the memory that is available then; what does not fit is said, and the others go on. Of several sizes, those
that were measured before on this machine with the same settings are not measured again, unless --again asks for it.

Phases   deploy  the net that labels images     test  with its loss, as it is scored     train  with gradients
Columns  top     of the layer: channels x height x width
         every   pixels from one cell to the next      sees   pixels to a side that a cell is computed from
         MB      of the tops, unless the layer works in place; in training their gradients included
         GFLOP   of filters: 2 for each weight at each place, padding and zero weights included; nothing else is
                 counted. In training those of the gradients are added
         ms      medians of passes run layer by layer, in which every layer computes all of its map
         pass    of whole passes, in which the engine may run layers as one and keep what all pictures of a size have in
                 common (fcn_repro/caffe/kernels); PLAIN=1 in the environment forbids it. Updates are no part of a pass
Writes   build/profile/<experiment>/<phase>-<height>x<width>-<batch>.{prototxt,json,csv}: what was measured of a size;
         build/profile/<experiment>/<phase>.{csv,svg}: what was measured of several
Exit     0 told · 1 the net cannot take that size, or none fitted into memory · 2 bad arguments
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from typing import Any, Iterator, Mapping, Sequence

from fcn_repro import device
from fcn_repro.analysis import hardware
from fcn_repro.analysis.cost import layer_table, ledger
from fcn_repro.analysis.cost.curves import cost_charts
from fcn_repro.analysis.cost.ledger import Record
from fcn_repro.analysis.cost.measurement import DidNotFit, Job, all_passes, measured
from fcn_repro.drawing.net_diagram.chart import charts
from fcn_repro.drawing.net_diagram.svg import svg
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.memory import GB
from solvers.experiments import EXPERIMENTS
from tools import program
from tools.explain import table
from solvers.sized_net import FCN_SIZE, GIGA, PHASES, PROFILE, Point, SizedNet, own_size

WIDTH, HEIGHT = 860.0, 260.0  # of a chart
COLUMNS = {
    **{"height": 6, "width": 6, "batch": 5, "gflop": 9, "layer_by_layer_s": 16, "forward_s": 10},
    **{"backward_s": 10, "peak_gb": 8},
}


def main(options: argparse.Namespace) -> None:
    sizes = options.sizes or [options.size or own_size(options.experiment)]
    points = itertools.product(sizes, options.batches or [options.batch])
    nets = [SizedNet(Point(options.experiment, options.phase, *point)) for point in points]
    if options.cost:
        print_costs(nets[0], None)
        return
    device.choose(options.gpu)
    facts = hardware.facts()
    if options.sizes or options.batches:
        sweep(nets, facts, options)
    else:
        (record,) = records(nets, facts, options)
        if "trouble" in record:
            raise RuntimeError(f"{nets[0].point}: {record['trouble']}")
        print_costs(nets[0], record)
        print(f"{'measured on':19}{hardware.told(facts)}")


def records(nets: Sequence[SizedNet], facts: Mapping[str, object], options: argparse.Namespace) -> Iterator[Record]:
    """What was measured of each net, now or before; of one that did not fit, `trouble` tells."""
    anew = options.again or not (options.sizes or options.batches)
    kept = [None if anew else ledger.known(net.point.path, facts, options.passes) for net in nets]
    passes = all_passes(options.phase == "train", options.passes)
    work = [0 if record else passes * net.giga for net, record in zip(nets, kept)]
    for i, (net, record) in enumerate(zip(nets, kept)):
        if record is None:
            job = Job(
                *(net.prototxt, net.point.learning, options.passes, options.gpu),
                *(str(net.point), net.giga, sum(work[:i]), sum(work)),
            )
            try:
                record = {"passes": options.passes, "machine": dict(facts), **vars(measured(job))}
            except DidNotFit as trouble:
                record = {"trouble": f"did not fit into memory: {trouble}"}
            else:
                ledger.write(net.point.path, net.costs, record)
        yield record


def print_costs(net: SizedNet, record: Record | None) -> None:
    """The table of a net's layers, their sums, and the net beside the paper's."""
    point = net.point
    print(f"{point}\n")
    print("\n".join(table(layer_table.rows(net.costs, record))), end="\n\n")
    print("\n".join(layer_table.sums(net.costs, net.summary, record)))
    at_papers_size = record and (point.phase, point.size, point.batch) == ("deploy", FCN_SIZE, 1)
    forward_s = statistics.median(record["forward_s"]) if record and at_papers_size else None
    beside = list(layer_table.beside_the_paper(point.experiment, net.summary, forward_s))
    if beside:
        print("", *table(beside), "", sep="\n")


def sweep(nets: Sequence[SizedNet], facts: Mapping[str, object], options: argparse.Namespace) -> None:
    """A row for each size and batch as it is measured; then the files and the chart of all of them."""
    rows = []
    print(f"{options.experiment}, {options.phase}\n{' '.join(f'{name:>{width}}' for name, width in COLUMNS.items())}")
    for net, record in zip(nets, records(nets, facts, options)):
        place = f"{net.point.size[0]:>6} {net.point.size[1]:>6} {net.point.batch:>5}"
        if "trouble" in record:
            print(f"{place} {record['trouble']}", flush=True)
            continue
        rows.append(row(net, record))
        print(" ".join(f"{value:>{width}.{2 if isinstance(value, float) else 0}f}"
                       for value, width in zip(rows[-1].values(), COLUMNS.values())), flush=True)  # fmt: skip
    print(f"measured on {hardware.told(dict(facts))}")
    if not rows:
        raise RuntimeError("nothing fitted into memory")
    stem = PROFILE / options.experiment / options.phase
    ledger.write_csv(stem.with_suffix(".csv"), rows)
    with atomic_write(stem.with_suffix(".svg")) as file:
        file.write(svg(charts(cost_charts(rows), WIDTH, HEIGHT)))
    print(f"{stem}.csv {stem}.svg")


def row(net: SizedNet, record: Record) -> dict[str, Any]:
    """What was measured at a size, in one row: whole passes by their median, and the same layer by layer."""
    layers = [sum(record[f"layers_{way}_s"]) for way in ("forward", "backward")]
    values = (
        *(*net.point.size, net.point.batch, net.work / GIGA, sum(layers), statistics.median(record["forward_s"])),
        *(statistics.median(record["backward_s"] or [0.0]), record["peak_bytes"] / GB),
    )
    return dict(zip(COLUMNS, values))


def square_or_size(text: str) -> tuple[int, int]:
    """The height and width of an image, or the side of a square one, given on the command line."""
    return (program.positive(text), int(text)) if text.isdecimal() else program.size(text)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=EXPERIMENTS, metavar="EXPERIMENT", help=", ".join(EXPERIMENTS))
    parser.add_argument("--phase", choices=PHASES, default="deploy")
    parser.add_argument(
        "--size", type=square_or_size, metavar="SIZE", help="HEIGHTxWIDTH, or the side of a square; 500"
    )
    parser.add_argument("--batch", type=program.positive, default=1, metavar="N", help="images in a pass; 1")
    parser.add_argument("--cost", action="store_true", help="by arithmetic alone: nothing is measured")
    parser.add_argument("--sizes", nargs="+", type=square_or_size, metavar="SIZE", help="measure at each of these")
    parser.add_argument("--batches", nargs="+", type=program.positive, metavar="N", help="and of each of these")
    parser.add_argument("--passes", type=program.positive, default=5, metavar="N", help="of each kind that count; 5")
    parser.add_argument("--again", action="store_true", help="measure again what was measured before")
    program.add_gpu(parser)
    options = parser.parse_args(arguments)
    if options.cost and (options.sizes or options.batches):
        parser.error("--cost is about one --size and one --batch; leave --sizes and --batches out")
    return options


if __name__ == "__main__":
    sys.exit(program.run(main, parse()))
