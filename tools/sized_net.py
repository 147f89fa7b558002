"""An experiment's net at a size and a batch, as inputs feed it that stand for its data; and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from fcn_repro.analysis.cost.costs import costs, fed, summary
from fcn_repro.datasets import DATASETS
from fcn_repro.engine import caffe
from fcn_repro.model.run_folder import BUILD
from fcn_repro.system.atomic_write import replacing
from nets import CLASSIFIERS, build
from solvers.experiments import EXPERIMENTS

PROFILE = BUILD / "profile"
PHASES = {"deploy": "deploy", "test": "val", "train": "train"}  # and what their nets are called
FCN_SIZE = (500, 500)  # height and width, in pixels
GIGA = 1e9


def own_size(experiment: str) -> tuple[int, int]:
    """What a net is made for: a classifier sees a square of one size, an FCN whatever it is given."""
    net = EXPERIMENTS[experiment].net
    return (CLASSIFIERS[net].size, CLASSIFIERS[net].size) if net in CLASSIFIERS else FCN_SIZE


@dataclass(frozen=True)
class Point:
    """A net at a size."""

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
        """Its files, but for their endings."""
        return PROFILE / self.experiment / f"{self.phase}-{self.size[0]}x{self.size[1]}-{self.batch}"

    def __str__(self) -> str:
        return f"{self.experiment} {self.phase}, {self.batch} x {self.size[0]} x {self.size[1]}"


class SizedNet:
    """A net at a size, written to its prototxt, and what it costs.

    Raises   ValueError for a classifier at another size than its own; RuntimeError where a layer is left without a cell
    """

    def __init__(self, point: Point) -> None:
        row, (height, width) = EXPERIMENTS[point.experiment], point.size
        if row.net in CLASSIFIERS and point.size != own_size(row.name):
            sees = " x ".join(map(str, own_size(row.name)))
            raise ValueError(f"{row.name} sees {sees} pixels, no more and no fewer; got {height} x {width}")
        data, n = DATASETS[row.data], point.batch
        shapes = {name: (n, channels, height, width) for name, channels in data.inputs.items()}
        labels = dict.fromkeys(data.heads, (n,) if row.net in CLASSIFIERS else (n, 1, height, width))
        net = build(row.net, PHASES[point.phase], data, row.regime.normalize)
        self.point, self.message = point, fed(net, {**shapes, **labels})
        self.prototxt = point.path.with_suffix(".prototxt")
        self.prototxt.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.prototxt) as file:
            file.write(text_format.MessageToString(self.message))
        engine_net = caffe.Net(str(self.prototxt), caffe.TRAIN if point.learning else caffe.TEST)
        self.costs = costs(self.message, engine_net, point.learning)
        self.summary = summary(self.message, self.costs)

        self.work = sum(cost.forward + cost.backward for cost in self.costs)  # FLOP of a pass
        self.giga = max(1, round(self.work / GIGA))  # for the progress bar
