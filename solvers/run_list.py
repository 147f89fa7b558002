"""List the runs of the table: the paper's row each answers, its data, start, cost, and state."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Iterator, Sequence

from fcn_repro.analysis.paper_tables import PaperCell, PaperTable, read_tables
from fcn_repro.datasets import DATASETS, DataSet
from fcn_repro.model.parameter_count import count_trainable
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.run_status import RunStatus, read_status
from nets import CLASSIFIERS, build
from solvers.experiments import EXPERIMENTS, PREPARED, Experiment

WIDTHS = {"run": 27, "paper": 16, "from": 23, "training": 18, "steps": 5, "images": 6, "params": 6, "state": 12}
NUMBERS = ("steps", "images", "params")  # columns aligned to the right


@dataclass(frozen=True)
class ListedRun:
    """A run and everything that is listed of it."""

    row: Experiment
    data: DataSet
    paper: Sequence[tuple[PaperTable, PaperCell]]
    parameters: int  # trainable ones
    state: RunStatus

    @property
    def steps(self) -> int:
        """Updates."""
        return self.row.iterations[0] * self.row.iterations[1]

    @property
    def images(self) -> int:
        """Images of all updates together."""
        return self.steps * self.row.regime.iter_size * int(str(self.data.train.params.get("batch_size", 1)))


def list_runs(data: Sequence[str] = ()) -> list[ListedRun]:
    """The runs on some data sets, by the name of their preparation; by default on all."""
    cited = read_tables()
    return [describe_run(row, cited) for row in EXPERIMENTS.values() if not data or preparation_of(row) in data]


def describe_run(row: Experiment, cited: Sequence[PaperTable]) -> ListedRun:
    """Collect what is listed of a run; `cited` are the paper's tables."""
    status = read_status(RunFolder(row.name), row.iterations[0] * row.iterations[1])
    paper = [(table, cell) for table in cited for cell in table.cells
             if (cell.experiment, cell.metric) == (row.name, "mean_iu")]  # fmt: skip
    return ListedRun(row, DATASETS[row.data], paper, count_parameters(row.net, row.data), status)


@lru_cache(maxsize=None)
def count_parameters(net: str, data: str) -> int:
    """Count a net's trainable parameters; a classifier has as many in its convolutional form."""
    return count_trainable(build(f"{net}-fcn" if net in CLASSIFIERS else net, "deploy", DATASETS[data]))


def preparation_of(row: Experiment) -> str:
    """The NAME of `make data-NAME` that prepares a run's data."""
    return PREPARED.get(row.data, row.data)


def preparations() -> list[str]:
    """The names of all preparations, in the order of the table."""
    return list(dict.fromkeys(map(preparation_of, EXPERIMENTS.values())))


def format_table(runs: Sequence[ListedRun]) -> Iterator[str]:
    """One group of lines per data set, at most 120 columns wide."""
    order = preparations()
    yield _join({name: name for name in WIDTHS})
    by_data = sorted(runs, key=lambda run: order.index(preparation_of(run.row)))
    for data, group in groupby(by_data, key=lambda run: preparation_of(run.row)):
        members = list(group)
        splits = members[0].data.splits
        train, val = (str(layer.params["split"]) for layer in (members[0].data.train, members[0].data.val))
        yield f"\n{data}: trained on {splits[train]:,} images of {train}, scored on {splits[val]:,} images of {val}"
        yield from (_join(_cells(run)) for run in members)


def _cells(run: ListedRun) -> dict[str, str]:
    regime = run.row.regime
    cited = [cite(*found) for found in run.paper]
    loss = "mean" if regime.normalize else "sum"
    return {
        "run": run.row.name,
        "paper": "".join([*cited[:1], f" +{len(cited) - 1}" if len(cited) > 1 else ""]),
        "from": format_start(run.row),
        "training": f"{loss:4} {regime.iter_size:2} {regime.momentum:<4.3g} {run.row.base_lr:.0e}".replace("e-0", "e-"),
        "steps": shorten(run.steps),
        "images": shorten(run.images),
        "params": shorten(run.parameters),
        "state": str(run.state),
    }


def format_start(row: Experiment) -> str:
    """The weights that a run starts from; fcn32s-{color,hha} for two."""
    family = f"{row.name.partition('-')[0]}-"
    names = [name[len(family) :] if name in EXPERIMENTS else name for name in row.sources.values()]
    if len(names) < 2:
        return names[0] if names else "fillers"
    common = os.path.commonprefix(names)
    return f"{common}{{{','.join(name[len(common) :] for name in names)}}}"


def cite(table: PaperTable, cell: PaperCell) -> str:
    """A number of the paper, after the name of its table."""
    number = re.match(r"Table (\d+)", table.title)
    return f"{f'{table.edition} T{number.group(1)}' if number else table.table} {cell.printed}"


def shorten(number: int) -> str:
    """A number in at most five characters: 750, 100k, 2.1M, 134M."""
    for limit, unit in (1_000_000, "M"), (1_000, "k"):
        if number >= limit:
            return f"{number / limit:.3g}{unit}"
    return str(number)


def _join(cells: dict[str, str]) -> str:
    texts = [f"{cells[name]:{'>' if name in NUMBERS else '<'}{width}}" for name, width in WIDTHS.items()]
    return " ".join(texts).rstrip()


def csv_fields(run: ListedRun) -> dict[str, object]:
    """A row of the CSV."""
    row, regime = run.row, run.row.regime
    train, val = (str(layer.params["split"]) for layer in (run.data.train, run.data.val))
    return {
        "run": row.name,
        "paper": "; ".join(f"{table.edition}, {table.title}: {cell.row} {cell.printed}" for table, cell in run.paper),
        "net": row.net,
        "data": preparation_of(row),
        "learnt_from": train,
        "scored_on": val,
        "scored_images": run.data.splits[val],
        "init": " ".join(row.sources.values()),
        "loss": "mean" if regime.normalize else "sum",
        "iter_size": regime.iter_size,
        "momentum": regime.momentum,
        "base_lr": row.base_lr,
        "rounds": row.iterations[0],
        "iterations": run.steps,
        "max_iter": row.max_iter,
        "images": run.images,
        "learnt_parameters": run.parameters,
        "iteration": run.state.iteration,
        "mean_iu": "" if run.state.mean_iu is None else run.state.mean_iu,
        "shortened": "yes" if run.state.shortened else "no",
    }
