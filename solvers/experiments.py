"""The table of runs: one row of parameters per run.

    python3 -m solvers.experiments            the names of all runs
    python3 -m solvers.experiments --rules    the prerequisites of each run, as rules for make

To add a run: a row. Its name is its make target, its folder under build/ and its name on every command line. Runs on
users' data sets (`tools.user_dataset`) copy rows of this table with other data. Importing this module reads no file.

Source   reference 1305c73: solver.prototxt and solve.py of every directory; CVPR paper, section 4.1 (FCN-GoogLeNet)
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import ItemsView, Iterator, Mapping, ValuesView

from fcn_repro.datasets.user.registry import UserDataset, list_user_datasets

# Classifiers with released weights; data/weights.csv lists the sources. `vgg16-fcn` is `vgg16` as convolutions.
RELEASED = ("vgg16", "vgg19", "caffenet", "alexnet", "googlenet")
HED = "hed-vgg16"  # VGG-16's convolutions from a package, for machines without those: tools.import_weights writes it
CONVOLUTIONAL = "-fcn"
# Data sets that share a preparation: nets read different channels of the same files.
PREPARED = {
    f"{begin}-{seen}": prepared
    for begin, prepared in (("nyud", "nyud"), ("mini", "mini-depth"))
    for seen in ("color", "hha", "color-d", "color-hha")
}
PREPARED.update(dict.fromkeys(("mini-sem", "mini-geo", "mini-sem-geo"), "mini-geometry"))
WEIGHTS = ".caffemodel"


@dataclass(frozen=True)
class Regime:
    """How gradients become updates: images per update, normalisation of the loss, and the solver's parameters.

    `solver` is Caffe's name of the update rule; None is Caffe's default, SGD. `momentum2` belongs to Adam. The rate is
    constant, or with `power` falls to zero at max_iter (Caffe's "poly").
    """

    momentum: float
    iter_size: int
    normalize: bool
    weight_decay: float = 5e-4
    solver: str | None = None
    momentum2: float | None = None
    power: float | None = None


@dataclass(frozen=True)
class FixedTrunk:
    """Layers that keep their initial weights, and whose outputs are computed once and stored for every image.

    weights   the source of their weights, as an `init`
    taps      the stored blobs, which cut the net in two
    kept      blobs below them that other rows read: they are stored in the same pass
    cells_of  images per pass, if training reads single cells of the only tap and their labels; 0: whole images
    """

    weights: str
    taps: tuple[str, ...]
    kept: tuple[str, ...] = ()
    cells_of: int = 0


@dataclass(frozen=True)
class Experiment:
    """One run.

    name         also its folder under build/
    net          a row of `nets`
    data         a row of `fcn_repro.datasets`
    init         the source of its initial weights: a run, a convolutional classifier, or a file. A net of several trunks
                 has one for each, by the suffix of the trunk's layers. None: fillers
    regime       how it trains
    base_lr      learning rate
    iterations   (rounds, iterations per round); each round ends with a score
    max_iter     of the solver's file; Caffe's `step`, which runs the rounds, ignores it
    snapshot     iterations between the solver's own snapshots
    seed         of fillers and dropout; None: a new one every time
    varied       options of training images, see `fcn_repro.datasets.augmentation`
    scored       the same for scored images
    fixed        the trunk that is not trained, if its outputs are stored
    """

    name: str
    net: str
    data: str
    init: str | Mapping[str, str] | None
    regime: Regime
    base_lr: float
    iterations: tuple[int, int]
    max_iter: int
    snapshot: int
    seed: int | None = None
    varied: Mapping[str, object] = field(default_factory=dict)
    scored: Mapping[str, object] = field(default_factory=dict)
    fixed: FixedTrunk | None = None

    @property
    def sources(self) -> Mapping[str, str]:
        """The sources of its initial weights, by the suffix of the layers that each is for."""
        return {} if self.init is None else {"": self.init} if isinstance(self.init, str) else self.init


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
        _check_sources(row, by_name, [row.name])
    return by_name


def _check_sources(row: Experiment, by_name: Mapping[str, Experiment], chain: list[str]) -> None:
    for init in row.sources.values():
        source = classifier_of(init)
        if init.endswith(WEIGHTS) or source in (*RELEASED, HED):
            continue
        name = source or init
        if name not in by_name:
            known = ", ".join([name + CONVOLUTIONAL for name in (*RELEASED, HED)] + list(by_name))
            raise ValueError(f"{row.name}: unknown init {init!r}; there are {known}")
        if name in chain:
            raise ValueError(f"experiments that start from each other: {' <- '.join([*chain, name])}")
        _check_sources(by_name[name], by_name, [*chain, name])


def classifier_of(init: str) -> str | None:
    """The classifier that a convolutional one takes its weights from: vgg16 for vgg16-fcn; None for a run's name."""
    return init[: -len(CONVOLUTIONAL)] if init.endswith(CONVOLUTIONAL) else None


# The loss summed over the pixels, as in the PAMI paper, whose table 2 compares these three; and as their mean.
HEAVY = Regime(momentum=0.99, iter_size=1, normalize=False)
ONLINE = replace(HEAVY, momentum=0.9)
ACCUM = replace(ONLINE, iter_size=20)
MINIBATCH = replace(ACCUM, normalize=True)  # CVPR's
# One image per update with the momentum that forgets 20 images as ACCUM does; the rates of these rows give an image
# the same weight in all its updates together.
EQUAL = replace(ONLINE, momentum=0.9 ** (1 / 20))
# Where only a part of every image counts, an update has more images; the rates of these rows undo the mean over them.
HALF, QUARTER = (replace(HEAVY, iter_size=n, weight_decay=HEAVY.weight_decay / n) for n in (2, 4))
# From random weights, without batch normalisation, in minutes: SGD does not leave the plateau that Adam does.
# The falling rate saves a third of the iterations.
ADAM = Regime(momentum=0.9, iter_size=1, normalize=True, solver="Adam", momentum2=0.999, power=1)

# Random fc layers on a fixed trunk; the rate suits Adam, which divides each gradient by its own size.
CELLS, HEAD = ADAM, replace(ADAM, iter_size=2)
THIRD = {"keep_background": 1 / 3}
HED_TRUNK = FixedTrunk("hed-vgg16-fcn", ("pool3", "pool4", "pool5"))
HED_CELLS = FixedTrunk("hed-vgg16-fcn", ("pool5",), kept=("pool3", "pool4"), cells_of=8)

COLOR_HHA = {"color": "nyud-fcn32s-color", "hha": "nyud-fcn32s-hha"}
MINI_COLOR_HHA = {"color": "mini-fcn32s-color", "hha": "mini-fcn32s-hha"}

# fmt: off
TABLE = table(
    #          name                           net                     data              init                    regime     base_lr  iterations    max_iter  snapshot

    # The reference. Its `step` runs past max_iter, or stops short of it. SIFT Flow's solvers name no snapshot.
    Experiment("voc-fcn32s",                  "vgg16-32s",            "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn16s",                  "vgg16-16s",            "voc",            "voc-fcn32s",           HEAVY,     1e-12,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn8s",                   "vgg16-8s",             "voc",            "voc-fcn16s",           HEAVY,     1e-14,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn8s-atonce",            "vgg16-8s-atonce",      "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (75, 4_000),  300_000,  4_000),
    Experiment("voc-fcn-alexnet",             "alexnet-32s",          "voc",            "caffenet-fcn",         MINIBATCH, 1e-4,    (25, 4_000),  100_000,  4_000),
    Experiment("nyud-fcn32s-color",           "vgg16-32s",            "nyud-color",     "vgg16-fcn",            HEAVY,     1e-10,   (50, 2_000),  300_000,  2_000),
    Experiment("nyud-fcn32s-hha",             "vgg16-32s",            "nyud-hha",       "vgg16-fcn",            HEAVY,     1e-10,   (50, 2_000),  300_000,  2_000),
    Experiment("nyud-fcn32s-color-d",         "vgg16-32s-early",      "nyud-color-d",   "vgg16-fcn",            HEAVY,     1e-10,   (50, 2_000),  300_000,  2_000),
    Experiment("nyud-fcn32s-color-hha",       "vgg16-32s-late",       "nyud-color-hha", COLOR_HHA,              HEAVY,     1e-12,   (50, 2_000),  300_000,  2_000),
    Experiment("siftflow-fcn32s",             "vgg16-32s",            "siftflow",       "vgg16-fcn",            HEAVY,     1e-10,   (50, 2_000),  300_000,  2_000),
    Experiment("siftflow-fcn16s",             "vgg16-16s",            "siftflow",       "siftflow-fcn32s",      HEAVY,     1e-12,   (50, 2_000),  300_000,  2_000),
    Experiment("siftflow-fcn8s",              "vgg16-8s",             "siftflow",       "siftflow-fcn16s",      HEAVY,     1e-12,   (50, 2_000),  300_000,  2_000),
    Experiment("pascalcontext-fcn32s",        "vgg16-32s",            "pascalcontext",  "vgg16-fcn",            HEAVY,     1e-10,   (50, 8_000),  300_000,  4_000),
    Experiment("pascalcontext-fcn16s",        "vgg16-16s",            "pascalcontext",  "pascalcontext-fcn32s", HEAVY,     1e-12,   (50, 8_000),  300_000,  4_000),
    Experiment("pascalcontext-fcn8s",         "vgg16-8s",             "pascalcontext",  "pascalcontext-fcn16s", HEAVY,     1e-14,   (50, 8_000),  300_000,  4_000),

    # CVPR's table 4 ends with a net that adds pool4 of both modalities, and its weights were released with CVPR, in
    # format V1. The rate is one skip's less.
    Experiment("nyud-fcn16s-color-hha",       "vgg16-16s-late",       "nyud-color-hha", "nyud-fcn32s-color-hha", HEAVY,    1e-14,   (50, 2_000),  100_000,  2_000),

    # The recipe of the CVPR paper. 32s, 16s and 8s were released with it, in format V1, and score its table 2. It names
    # the rates, and for the lengths three days and one more for each skip, on a K40c: at its 0.6 s per image about
    # 400,000 images and 140,000.
    Experiment("voc-fcn32s-cvpr",             "vgg16-32s",            "voc",            "vgg16-fcn",            MINIBATCH, 1e-4,    (20, 1_000),  20_000,   1_000),
    Experiment("voc-fcn16s-cvpr",             "vgg16-16s-cvpr",       "voc",            "voc-fcn32s-cvpr",      MINIBATCH, 1e-6,    (7, 1_000),   7_000,    1_000),
    Experiment("voc-fcn8s-cvpr",              "vgg16-8s-cvpr",        "voc",            "voc-fcn16s-cvpr",      MINIBATCH, 1e-8,    (7, 1_000),   7_000,    1_000),
    Experiment("voc-fcn32s-fixed-cvpr",       "vgg16-32s-fixed",      "voc",            "vgg16-fcn",            MINIBATCH, 1e-4,    (20, 1_000),  20_000,   1_000),
    # Table 1: VOC 2011's own 1,112 images, at least 175 epochs, a rate for each classifier.
    Experiment("voc2011-fcn32s",              "vgg16-32s",            "voc2011",        "vgg16-fcn",            MINIBATCH, 1e-4,    (10, 1_000),  10_000,   1_000),
    Experiment("voc2011-fcn-alexnet",         "alexnet-32s",          "voc2011",        "caffenet-fcn",         MINIBATCH, 1e-3,    (10, 1_000),  10_000,   1_000),
    Experiment("voc2011-fcn-googlenet",       "googlenet-32s",        "voc2011",        "googlenet-fcn",        MINIBATCH, 5e-5,    (10, 1_000),  10_000,   1_000),
    # The text: VGG-19 is as good as VGG-16, and GoogLeNet better without its last pooling. Its skips are ours.
    Experiment("voc-fcn32s-vgg19",            "vgg19-32s",            "voc",            "vgg19-fcn",            MINIBATCH, 1e-4,    (20, 1_000),  20_000,   1_000),
    Experiment("voc-fcn-googlenet",           "googlenet-32s",        "voc",            "googlenet-fcn",        MINIBATCH, 5e-5,    (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn16s-googlenet",        "googlenet-16s",        "voc",            "voc-fcn-googlenet",    MINIBATCH, 5e-7,    (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn8s-googlenet",         "googlenet-8s",         "voc",            "voc-fcn16s-googlenet", MINIBATCH, 5e-9,    (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn-googlenet-pooled",   "googlenet-32s-pooled", "voc",            "googlenet-fcn",        MINIBATCH, 5e-5,    (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn16s-googlenet-pooled", "googlenet-16s-pooled", "voc", "voc-fcn-googlenet-pooled",        MINIBATCH, 5e-7,    (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn8s-googlenet-pooled",  "googlenet-8s-pooled",  "voc", "voc-fcn16s-googlenet-pooled",     MINIBATCH, 5e-9,    (25, 4_000),  100_000,  4_000),

    # No table's: the heavy recipe on VOC 2012's own train and val, which need no SBD.
    Experiment("voc2012-fcn32s",              "vgg16-32s",            "voc2012",        "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000),
    Experiment("voc2012-fcn16s",              "vgg16-16s",            "voc2012",        "voc2012-fcn32s",       HEAVY,     1e-12,   (25, 4_000),  100_000,  4_000),
    Experiment("voc2012-fcn8s",               "vgg16-8s",             "voc2012",        "voc2012-fcn16s",       HEAVY,     1e-14,   (25, 4_000),  100_000,  4_000),

    # No table's: from other weights, the convolutions of a package, with random fc layers (docs/real-data.md).
    Experiment("voc2012-fcn32s-hed-narrow",   "vgg16-32s-narrow",     "voc2012",        "hed-vgg16-fcn",        CELLS,     3e-4,    (3, 800),     2_400,    800, seed=1, varied=THIRD, fixed=HED_CELLS),
    Experiment("voc2012-fcn32s-hed",          "vgg16-32s-scratch",    "voc2012",        "voc2012-fcn32s-hed-narrow", HEAD,  2e-5,   (1, 60),      60,       60, seed=1, varied=THIRD, fixed=HED_TRUNK),
    Experiment("voc2012-fcn16s-hed",          "vgg16-16s-fixed",      "voc2012",        "voc2012-fcn32s-hed",   HEAD,      2e-5,    (1, 300),     300,      300, seed=1, varied=THIRD, fixed=HED_TRUNK),
    Experiment("voc2012-fcn8s-hed",           "vgg16-8s-fixed",       "voc2012",        "voc2012-fcn16s-hed",   HEAD,      2e-5,    (1, 300),     300,      300, seed=1, varied=THIRD, fixed=HED_TRUNK),

    # Never released: PAMI's table 2, each over the same 100,000 images. It names no rates; these are heavy's.
    Experiment("voc-fcn32s-accum",            "vgg16-32s",            "voc",            "vgg16-fcn",            ACCUM,     1e-10,   (25, 200),    5_000,    200),
    Experiment("voc-fcn32s-equal",            "vgg16-32s",            "voc",            "vgg16-fcn",            EQUAL,     2.63e-13, (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn32s-online",           "vgg16-32s",            "voc",            "vgg16-fcn",            ONLINE,    1e-10,   (25, 4_000),  100_000,  4_000),
    # PAMI's table 3.
    Experiment("voc-fcn32s-fixed",            "vgg16-32s-fixed",      "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn-pool5",               "vgg16-pool5",          "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn-pool4",               "vgg16-pool4",          "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn-pool3",               "vgg16-pool3",          "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000),
    # What the papers' text mentions without a number, trained like the nets of table 3.
    Experiment("voc-fcn16s-max",              "vgg16-16s-max",        "voc",            "voc-fcn32s",           HEAVY,     1e-12,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn8s-max",               "vgg16-8s-max",         "voc",            "voc-fcn16s-max",       HEAVY,     1e-14,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn32s-nodropout",        "vgg16-32s-nodropout",  "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn32s-random",           "vgg16-32s-random",     "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn32s-learned",          "vgg16-32s-learned",    "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn16s-learned",          "vgg16-16s-learned",    "voc",            "voc-fcn32s",           HEAVY,     1e-12,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn8s-learned",           "vgg16-8s-learned",     "voc",            "voc-fcn16s",           HEAVY,     1e-14,   (25, 4_000),  100_000,  4_000),
    Experiment("voc-fcn16s-pool5s1",          "vgg16-16s-pool5s1",    "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000),
    # Mentioned in the text and in PAMI's table 8: other images or labels, everything else as in heavy learning.
    # Three quarters of the pixels are background; if a third of it counts, it weighs as much as all other classes.
    Experiment("voc-fcn32s-mirrored",         "vgg16-32s",            "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000, varied={"mirror": True, "jitter": 32}),
    Experiment("voc-fcn32s-half",             "vgg16-32s",            "voc",            "vgg16-fcn",            HALF,      2e-10,   (25, 4_000),  100_000,  4_000, varied={"keep": 0.5}),
    Experiment("voc-fcn32s-quarter",          "vgg16-32s",            "voc",            "vgg16-fcn",            QUARTER,   4e-10,   (25, 4_000),  100_000,  4_000, varied={"keep": 0.25}),
    Experiment("voc-fcn32s-balanced",         "vgg16-32s",            "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000, varied={"keep_background": 1 / 3}),
    Experiment("voc-fcn32s-foreground",       "vgg16-32s",            "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000, varied={"mask": "background"}, scored={"mask": "background"}),
    Experiment("voc-fcn32s-background",       "vgg16-32s",            "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000, varied={"mask": "foreground"}, scored={"mask": "foreground"}),
    Experiment("voc-fcn32s-shape",            "vgg16-32s",            "voc",            "vgg16-fcn",            HEAVY,     1e-10,   (25, 4_000),  100_000,  4_000, varied={"mask": "both"}, scored={"mask": "both"}),

    # The embedded data set, and there the side experiments in minutes.
    Experiment("mini-vgg16",                  "mini-vgg16",           "mini-objects",   None,                   ADAM,      1e-3,    (1, 2_000),   2_000,    1_000, seed=1),
    Experiment("mini-fcn32s",                 "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       HEAVY,     4e-9,    (2, 1_500),   3_000,    1_500, seed=1),
    Experiment("mini-fcn16s",                 "vgg16-mini-16s",       "mini",           "mini-fcn32s",          HEAVY,     3e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn8s",                  "vgg16-mini-8s",        "mini",           "mini-fcn16s",          HEAVY,     1e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn8s-atonce",           "vgg16-mini-8s-atonce", "mini",           "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-accum",           "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       ACCUM,     2e-7,    (1, 75),      75,       75,   seed=1),
    Experiment("mini-fcn32s-equal",           "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       EQUAL,     5.25e-10, (1, 1_500),  1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-online",          "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       ONLINE,    3e-8,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-fixed",           "vgg16-mini-32s-fixed", "mini",           "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn-pool5",              "vgg16-mini-pool5",     "mini",           "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn-pool4",              "vgg16-mini-pool4",     "mini",           "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn-pool3",              "vgg16-mini-pool3",     "mini",           "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn16s-max",             "vgg16-mini-16s-max",   "mini",           "mini-fcn32s",          HEAVY,     3e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn8s-max",              "vgg16-mini-8s-max",    "mini",           "mini-fcn16s-max",      HEAVY,     1e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-nodropout",       "vgg16-mini-32s-nodropout", "mini",       "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-random",          "vgg16-mini-32s-random", "mini",          "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-learned",         "vgg16-mini-32s-learned", "mini",         "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn16s-learned",         "vgg16-mini-16s-learned", "mini",         "mini-fcn32s",          HEAVY,     3e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn8s-learned",          "vgg16-mini-8s-learned", "mini",          "mini-fcn16s",          HEAVY,     1e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn16s-pool5s1",         "vgg16-mini-16s-pool5s1", "mini",         "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-cvpr",            "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       MINIBATCH, 1e-2,    (1, 100),     100,      100,   seed=1),
    Experiment("mini-fcn16s-cvpr",            "vgg16-mini-16s-cvpr",  "mini",           "mini-fcn32s-cvpr",     MINIBATCH, 3e-3,    (1, 75),      75,       75,    seed=1),
    Experiment("mini-fcn8s-cvpr",             "vgg16-mini-8s-cvpr",   "mini",           "mini-fcn16s-cvpr",     MINIBATCH, 1e-3,    (1, 75),      75,       75,    seed=1),
    Experiment("mini-fcn32s-mirrored",        "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1, varied={"mirror": True, "jitter": 32}),
    Experiment("mini-fcn32s-half",            "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       HALF,      8e-9,    (1, 500),     500,      500, seed=1, varied={"keep": 0.5}),
    Experiment("mini-fcn32s-quarter",         "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       QUARTER,   1.6e-8,   (1, 500),     500,      500, seed=1, varied={"keep": 0.25}),
    Experiment("mini-fcn32s-balanced",        "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1, varied={"keep_background": 1 / 3}),
    Experiment("mini-fcn32s-foreground",      "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1, varied={"mask": "background"}, scored={"mask": "background"}),
    Experiment("mini-fcn32s-background",      "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1, varied={"mask": "foreground"}, scored={"mask": "foreground"}),
    Experiment("mini-fcn32s-shape",           "vgg16-mini-32s",       "mini",           "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1, varied={"mask": "both"}, scored={"mask": "both"}),
    # The same scenes with synthetic depth: NYUDv2's four nets.
    Experiment("mini-fcn32s-color",           "vgg16-mini-32s",       "mini-color",     "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-hha",             "vgg16-mini-32s",       "mini-hha",       "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-color-d",         "vgg16-mini-32s-early", "mini-color-d",   "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-color-hha",       "vgg16-mini-32s-late",  "mini-color-hha", MINI_COLOR_HHA,         HEAVY,     3e-9,    (1, 1_000),   1_000,    1_000, seed=1),
    # And with the geometry of ground and animals: SIFT Flow's net of two heads, and a net for each.
    Experiment("mini-fcn32s-sem-geo",         "vgg16-mini-32s",       "mini-sem-geo",   "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-sem",             "vgg16-mini-32s",       "mini-sem",       "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
    Experiment("mini-fcn32s-geo",             "vgg16-mini-32s",       "mini-geo",       "mini-vgg16-fcn",       HEAVY,     4e-9,    (1, 1_500),   1_500,    1_500, seed=1),
)
# fmt: on


def user_rows(note: UserDataset) -> list[Experiment]:
    """The runs of a user's data set: the stages of the run it is modelled on, with other data and names.

    Raises   ValueError if there is no such run
    """
    if note.like not in TABLE:
        raise ValueError(f"{note.name} is modelled on {note.like!r}; expected one of {', '.join(TABLE)}")
    model = TABLE[note.like]
    stages = [model]
    while True:
        before = TABLE.get(stages[0].sources.get("", ""))
        if before is None or before.data != model.data:
            break
        stages.insert(0, before)
    first = stages[0].sources.get("", "")
    sources = {first: str(note.init) if note.init.is_file() else first}
    rows = []
    for stage in stages:
        name = sources[stage.name] = f"{note.name}-{stage.name.partition('-')[2]}"
        init = stage.sources.get("", "")
        fixed = stage.fixed and replace(stage.fixed, weights=sources.get(stage.fixed.weights, stage.fixed.weights))
        rows.append(replace(stage, name=name, data=note.name, init=sources.get(init, init) or None, fixed=fixed))
    return rows


class Experiments(Mapping[str, Experiment]):
    """Every run by name: the table's, and those on users' data sets, which each access reads from build/."""

    def __getitem__(self, name: str) -> Experiment:
        return TABLE[name] if name in TABLE else self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def values(self) -> ValuesView[Experiment]:
        """The rows, in one reading."""
        return self._read().values()

    def items(self) -> ItemsView[str, Experiment]:
        """Names and rows, in one reading."""
        return self._read().items()

    @staticmethod
    def _read() -> dict[str, Experiment]:
        return table(*TABLE.values(), *(row for note in list_user_datasets() for row in user_rows(note)))


EXPERIMENTS = Experiments()


def rules() -> Iterator[str]:
    """GNU make rules without recipes: the data and the weights that each target needs.

    No target is a file: every program skips finished work.
    """
    rows = dict(EXPERIMENTS)
    for row in rows.values():
        made = [init for init in row.sources.values() if not init.endswith(WEIGHTS)]
        yield f"{row.name}: {' '.join([f'data-{PREPARED.get(row.data, row.data)}', *made])}"
    for init in sorted({init for row in rows.values() for init in row.sources.values()}):
        source = classifier_of(init)
        if source and source != HED:
            yield f"{init}: {source if source in rows else f'weights-{source}'}"


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--rules"]):
        sys.stderr.write(f"{__doc__}\nfound: {' '.join(sys.argv[1:])}\n")
        sys.exit(2)
    sys.stdout.write("".join(f"{line}\n" for line in (rules() if sys.argv[1:] else EXPERIMENTS)))
