"""List every run: the paper's row it answers, what it learns from and how, what it costs, and how far it has come.

    python -m tools.experiments
    python -m tools.experiments voc mini       those on some data sets
    python -m tools.experiments --csv          all there is to know of each, for a program

    paper     mean IU of the first table that cites the run (data/paper/): T of its edition, or the table's file;
              "?" is behind numbers that were recalled, +N tells of further tables
    from      the run or classifier whose weights it starts from, its data set's name left out
    learning  the loss summed or averaged over pixels, images per update, momentum, learning rate
    steps     updates; images: that these see; learnt: numbers that learn
    state     not started; at the iteration that it would go on from; or its mean IU, and at which iteration it was
              ended, if before its last

Reads    data/paper/*.csv, build/<experiment>/
Exit     0 listed · 2 bad arguments
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Iterator, Sequence

from fcn_repro.analysis.paper_tables import Cell, Table, tables
from fcn_repro.datasets import DATASETS, DataSet
from fcn_repro.model.parameter_count import learnt
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.run_status import State, state
from nets import CLASSIFIERS, build
from solvers.experiments import EXPERIMENTS, PREPARED, Experiment
from tools import program

WIDTHS = {"run": 27, "paper": 16, "from": 23, "learning": 18, "steps": 5, "images": 6, "learnt": 6, "state": 12}
RIGHT = ("steps", "images", "learnt")  # columns of numbers


@dataclass(frozen=True)
class Listed:
    """A run, and all that is told of it."""

    row: Experiment
    data: DataSet
    paper: Sequence[tuple[Table, Cell]]
    learnt: int
    state: State

    @property
    def steps(self) -> int:
        """Updates."""
        return self.row.iterations[0] * self.row.iterations[1]

    @property
    def images(self) -> int:
        """Images that all updates see together."""
        return self.steps * self.row.regime.iter_size * int(str(self.data.train.params.get("batch_size", 1)))


def main(options: argparse.Namespace) -> None:
    cited = tables()
    runs = [listed(row, cited) for row in EXPERIMENTS.values() if not options.data or prepared(row) in options.data]
    if options.csv:
        writer = csv.DictWriter(sys.stdout, list(fields(runs[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(fields, runs))
    else:
        print("\n".join(printed(runs)))


def listed(row: Experiment, cited: Sequence[Table]) -> Listed:
    steps = row.iterations[0] * row.iterations[1]
    return Listed(row, DATASETS[row.data], list(citations(row, cited)), weighed(row.net, row.data), stated(row, steps))


def stated(row: Experiment, steps: int) -> State:
    return state(RunFolder(row.name), steps)


def citations(row: Experiment, cited: Sequence[Table]) -> Iterator[tuple[Table, Cell]]:
    """The mean IU of every row of the paper that a run answers."""
    for table in cited:
        yield from ((table, cell) for cell in table.cells if (cell.experiment, cell.metric) == (row.name, "mean_iu"))


@lru_cache(maxsize=None)
def weighed(net: str, data: str) -> int:
    """How many numbers of a net learn; a classifier's are the same as convolutions."""
    return learnt(build(f"{net}-fcn" if net in CLASSIFIERS else net, "deploy", DATASETS[data]))


def prepared(row: Experiment) -> str:
    """The name by which `make data-NAME` prepares a run's data."""
    return PREPARED.get(row.data, row.data)


def printed(runs: Sequence[Listed]) -> Iterator[str]:
    """A group of lines per data set, as wide as a terminal of 120 columns."""
    yield line({name: name for name in WIDTHS})
    for data, group in groupby(sorted(runs, key=lambda run: order(run.row)), key=lambda run: prepared(run.row)):
        members = list(group)
        splits = members[0].data.splits
        parts = [f"{splits[str(layer.params['split'])]:,} images of {layer.params['split']}"
                 for layer in (members[0].data.train, members[0].data.val)]  # fmt: skip
        yield f"\n{data}: learnt from {parts[0]}, scored on {parts[1]}"
        yield from (line(cells(run)) for run in members)


def order(row: Experiment) -> int:
    """Data sets in the order in which the table first names them."""
    return list(map(prepared, EXPERIMENTS.values())).index(prepared(row))


def cells(run: Listed) -> dict[str, str]:
    regime = run.row.regime
    loss = "mean" if regime.normalize else "sum"
    further = f" +{len(run.paper) - 1}" if len(run.paper) > 1 else ""
    return {
        "run": run.row.name,
        "paper": f"{cite(*run.paper[0])}{further}" if run.paper else "",
        "from": start(run.row),
        "learning": f"{loss:4} {regime.iter_size:2} {regime.momentum:<4} {run.row.base_lr:.0e}".replace("e-0", "e-"),
        "steps": short(run.steps),
        "images": short(run.images),
        "learnt": short(run.learnt),
        "state": str(run.state),
    }


def start(row: Experiment) -> str:
    """What a run starts from: fcn32s-{color,hha} for two."""
    family = f"{row.name.partition('-')[0]}-"
    names = [name[len(family) :] if name in EXPERIMENTS else name for name in row.sources.values()]
    if len(names) < 2:
        return names[0] if names else "fillers"
    common = os.path.commonprefix(names)
    return f"{common}{{{','.join(name[len(common) :] for name in names)}}}"


def cite(table: Table, cell: Cell) -> str:
    """A number of the paper, and where it stands."""
    number = re.match(r"Table (\d+)", table.title)
    return f"{f'{table.edition} T{number.group(1)}' if number else table.table} {cell.printed}"


def short(number: int) -> str:
    """A number in at most five characters: 750, 100k, 2.1M, 134M."""
    for limit, unit in (1_000_000, "M"), (1_000, "k"):
        if number >= limit:
            return f"{number / limit:.3g}{unit}"
    return str(number)


def line(row: dict[str, str]) -> str:
    texts = [f"{row[name]:>{width}}" if name in RIGHT else f"{row[name]:{width}}" for name, width in WIDTHS.items()]
    return " ".join(texts).rstrip()


def fields(run: Listed) -> dict[str, object]:
    """A row of the CSV."""
    row, regime = run.row, run.row.regime
    split = {phase: layer.params["split"] for phase, layer in (("train", run.data.train), ("val", run.data.val))}
    return {
        "run": row.name,
        "paper": "; ".join(f"{table.edition}, {table.title}: {cell.row} {cell.printed}" for table, cell in run.paper),
        "net": row.net,
        "data": prepared(row),
        "learnt_from": split["train"],
        "scored_on": split["val"],
        "scored_images": run.data.splits[str(split["val"])],
        "init": " ".join(row.sources.values()),
        "loss": "mean" if regime.normalize else "sum",
        "iter_size": regime.iter_size,
        "momentum": regime.momentum,
        "base_lr": row.base_lr,
        "rounds": row.iterations[0],
        "iterations": run.steps,
        "max_iter": row.max_iter,
        "images": run.images,
        "learnt_parameters": run.learnt,
        "iteration": run.state.iteration,
        "mean_iu": "" if run.state.mean_iu is None else run.state.mean_iu,
        "shortened": "yes" if run.state.shortened else "no",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = list(dict.fromkeys(map(prepared, EXPERIMENTS.values())))
    parser.add_argument("data", nargs="*", metavar="DATA", help=f"only runs on these: {', '.join(known)}")
    parser.add_argument("--csv", action="store_true", help="for a program")
    options = parser.parse_args()
    strange = [name for name in options.data if name not in known]
    if strange:
        parser.error(f"no run is on {strange[0]!r}; expected some of {', '.join(known)}")
    sys.exit(program.run(main, options))
