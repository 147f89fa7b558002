"""The table of runs: what differs from one to the next, in one row each.

    python3 -m solvers.experiments            the names of all runs
    python3 -m solvers.experiments --rules    what each run waits for, as rules for make

To add a run: a row. Its name is its make target, its folder under build/ and its name on every command line. The runs on
data sets that people brought along (`tools.adopt`) are the rows of others on other data.

Source   reference 1305c73: solver.prototxt and solve.py of every directory; CVPR paper, section 4.1 (FCN-GoogLeNet)
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Iterator

from fcn_repro.adoption import Adoption, adoptions

# Classifiers with released weights; data/weights.csv says where they are. `vgg16-fcn` is `vgg16` as convolutions.
RELEASED = ("vgg16", "caffenet", "alexnet", "googlenet")
CONVOLUTIONAL = "-fcn"
WEIGHTS = ".caffemodel"


@dataclass(frozen=True)
class Regime:
    """How gradients become updates: over how many images they are summed, and what the loss is divided by.

    `solver` is Caffe's name for the rule, None the one it takes by itself, SGD; `momentum2` is of Adam alone.
    """

    momentum: float
    iter_size: int
    normalize: bool
    weight_decay: float = 5e-4
    solver: str | None = None
    momentum2: float | None = None


@dataclass(frozen=True)
class Experiment:
    """One run.

    name         also its folder under build/
    net          a row of `nets`
    data         a row of `fcn_repro.datasets`
    init         the run, or the convolutional classifier, whose weights it starts from, or a file of weights;
                 None: what the fillers make
    regime       how it learns
    base_lr      learning rate, the same from beginning to end
    iterations   (rounds, iterations per round): what is run; after each round the net is scored
    max_iter     what the solver's file says; Caffe's `step`, by which the rounds are run, does not look at it
    snapshot     iterations between two snapshots that the solver writes by itself
    seed         of fillers and dropout; None: another one every time
    """

    name: str
    net: str
    data: str
    init: str | None
    regime: Regime
    base_lr: float
    iterations: tuple[int, int]
    max_iter: int
    snapshot: int
    seed: int | None = None


def table(*rows: Experiment) -> dict[str, Experiment]:
    """The rows by name.

    Raises   ValueError for two rows of one name, an `init` that is neither a row nor a convolutional classifier, and
             runs that start from each other's weights.
    """
    by_name: dict[str, Experiment] = {}
    for row in rows:
        if row.name in by_name:
            raise ValueError(f"two experiments are called {row.name!r}")
        by_name[row.name] = row
    for row in rows:
        _check_init(row, by_name)
    return by_name


def _check_init(row: Experiment, by_name: dict[str, Experiment]) -> None:
    chain = [row.name]
    while row.init is not None and not row.init.endswith(WEIGHTS):
        source = classifier_of(row.init)
        if source in RELEASED:
            return
        if (source or row.init) not in by_name:
            known = ", ".join([name + CONVOLUTIONAL for name in RELEASED] + list(by_name))
            raise ValueError(f"{row.name}: unknown init {row.init!r}; there are {known}")
        row = by_name[source or row.init]
        chain.append(row.name)
        if row.name in chain[:-1]:
            raise ValueError(f"experiments that start from each other: {' <- '.join(chain)}")


def classifier_of(init: str) -> str | None:
    """The classifier that a convolutional one takes its weights from: vgg16 for vgg16-fcn; None for a run's name."""
    return init[: -len(CONVOLUTIONAL)] if init.endswith(CONVOLUTIONAL) else None


HEAVY = Regime(momentum=0.99, iter_size=1, normalize=False)  # summed loss, one image per update
ACCUMULATED = Regime(momentum=0.9, iter_size=20, normalize=True)  # mean loss, twenty images per update
# From random weights, without batch normalisation, in minutes: SGD does not leave the plateau that Adam does.
ADAM = Regime(momentum=0.9, iter_size=1, normalize=True, solver="Adam", momentum2=0.999)

# fmt: off
TABLE = table(
    #          name                 net                data            init              regime       base_lr  iterations    max_iter  snapshot
    Experiment("voc-fcn32s",        "vgg16-32s",       "voc",          "vgg16-fcn",      HEAVY,       1e-10,   (25, 4_000),  100_000,   4_000),
    Experiment("voc-fcn16s",        "vgg16-16s",       "voc",          "voc-fcn32s",     HEAVY,       1e-12,   (25, 4_000),  100_000,   4_000),
    Experiment("voc-fcn8s",         "vgg16-8s",        "voc",          "voc-fcn16s",     HEAVY,       1e-14,   (25, 4_000),  100_000,   4_000),
    Experiment("voc-fcn8s-atonce",  "vgg16-8s-atonce", "voc",          "vgg16-fcn",      HEAVY,       1e-10,   (75, 4_000),  300_000,   4_000),
    Experiment("voc-fcn-alexnet",   "alexnet-32s",     "voc",          "caffenet-fcn",   ACCUMULATED, 1e-4,    (25, 4_000),  100_000,   4_000),
    # Never released: the paper's rate, momentum and batch, the length of the other runs.
    Experiment("voc-fcn-googlenet", "googlenet-32s",   "voc",          "googlenet-fcn",  ACCUMULATED, 5e-5,    (25, 4_000),  100_000,   4_000),

    Experiment("mini-vgg16",        "mini-vgg16",      "mini-objects", None,             ADAM,        1e-3,    (1, 3_000),   3_000,     1_000, seed=1),
    Experiment("mini-fcn32s",       "vgg16-mini-32s",  "mini",         "mini-vgg16-fcn", HEAVY,       1e-8,    (2, 2_000),   4_000,     1_000, seed=1),
    Experiment("mini-fcn16s",       "vgg16-mini-16s",  "mini",         "mini-fcn32s",    HEAVY,       3e-9,    (1, 1_500),   1_500,     1_500, seed=1),
    Experiment("mini-fcn8s",        "vgg16-mini-8s",   "mini",         "mini-fcn16s",    HEAVY,       1e-9,    (1, 1_500),   1_500,     1_500, seed=1),
)
# fmt: on


def adopted(note: Adoption) -> list[Experiment]:
    """The runs of an adopted data set: the stages of the run it is modelled on, on other data and under other names.

    Raises   ValueError when there is no such run
    """
    if note.like not in TABLE:
        raise ValueError(f"{note.name} is modelled on {note.like!r}; expected one of {', '.join(TABLE)}")
    model = TABLE[note.like]
    stages = [model]
    while stages[0].init in TABLE and TABLE[stages[0].init].data == model.data:
        stages.insert(0, TABLE[stages[0].init])
    init = str(note.init) if note.init.is_file() else stages[0].init
    rows = []
    for stage in stages:
        name = f"{note.name}-{stage.name.partition('-')[2]}"
        rows.append(replace(stage, name=name, data=note.name, init=init))
        init = name
    return rows


EXPERIMENTS = table(*TABLE.values(), *(row for note in adoptions() for row in adopted(note)))


def rules() -> Iterator[str]:
    """GNU make rules without recipes: the data and the weights that each target waits for.

    No target is a file: every program on the way knows whether its work is done.
    """
    for row in EXPERIMENTS.values():
        made = [row.init] if row.init and not row.init.endswith(WEIGHTS) else []
        yield f"{row.name}: {' '.join([f'data-{row.data}', *made])}"
    for init in sorted({row.init for row in EXPERIMENTS.values() if row.init}):
        source = classifier_of(init)
        if source:
            yield f"{init}: {source if source in EXPERIMENTS else f'weights-{source}'}"


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--rules"]):
        sys.stderr.write(f"{__doc__}\nfound: {' '.join(sys.argv[1:])}\n")
        sys.exit(2)
    sys.stdout.write("".join(f"{line}\n" for line in (rules() if sys.argv[1:] else EXPERIMENTS)))
