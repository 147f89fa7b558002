"""An experiment's net at a given input size and batch, with inputs in place of its data layer, and its cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from fcn_repro.analysis.cost.costs import count_costs, replace_data_layers, summarise
from fcn_repro.datasets import DATASETS
from fcn_repro.engine import caffe
from fcn_repro.paths import BUILD
from fcn_repro.system.atomic_write import atomic_write
from nets import CLASSIFIERS, build
from solvers.experiments import EXPERIMENTS

PROFILE = BUILD / "profile"
PHASES = {"deploy": "deploy", "test": "val", "train": "train"}  # a phase, and the name of its net
FCN_SIZE = (500, 500)  # height and width, in pixels
GIGA = 1e9


def own_size(experiment: str) -> tuple[int, int]:
    """The input size of a classifier, in pixels, which is fixed; 500 x 500 for an FCN, which takes any size."""
    net = EXPERIMENTS[experiment].net
    return (CLASSIFIERS[net].size, CLASSIFIERS[net].size) if net in CLASSIFIERS else FCN_SIZE


@dataclass(frozen=True)
class Point:
    """A net's phase, input size (height, width) and batch."""

    experiment: str
    phase: str
    size: tuple[int, int]
    batch: int

    @property
    def learning(self) -> bool:
        """Whether gradients are computed."""
        return self.phase == "train"

    @property
    def path(self) -> Path:
        """Its files, without their suffixes."""
        return PROFILE / self.experiment / f"{self.phase}-{self.size[0]}x{self.size[1]}-{self.batch}"

    def __str__(self) -> str:
        return f"{self.experiment} {self.phase}, {self.batch} x {self.size[0]} x {self.size[1]}"


class SizedNet:
    """A net at a size, written to its prototxt, and its cost.

    Raises   ValueError for a classifier at another size than its own; RuntimeError where a blob has no cells
    """

    def __init__(self, point: Point) -> None:
        row, (height, width) = EXPERIMENTS[point.experiment], point.size
        if row.net in CLASSIFIERS and point.size != own_size(row.name):
            expected = " x ".join(map(str, own_size(row.name)))
            raise ValueError(f"{row.name}: got {height} x {width} pixels, expected exactly {expected}")
        data, n = DATASETS[row.data], point.batch
        shapes = {name: (n, channels, height, width) for name, channels in data.inputs.items()}
        labels = dict.fromkeys(data.heads, (n,) if row.net in CLASSIFIERS else (n, 1, height, width))
        net = build(row.net, PHASES[point.phase], data, row.regime.normalize)
        self.point, self.message = point, replace_data_layers(net, {**shapes, **labels})
        self.prototxt = point.path.with_suffix(".prototxt")
        self.prototxt.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.prototxt) as file:
            file.write(text_format.MessageToString(self.message))
        engine_net = caffe.Net(str(self.prototxt), caffe.TRAIN if point.learning else caffe.TEST)
        self.costs = count_costs(self.message, engine_net, point.learning)
        self.summary = summarise(self.message, self.costs)

        self.work = sum(cost.forward + cost.backward for cost in self.costs)  # FLOP of a pass
        self.giga = max(1, round(self.work / GIGA))  # the units of the progress bar
