"""What a data set is, and the life of the layer that feeds one to a net, one image per iteration.

Each data set is one file beside this one: its facts (`DataSet`), its data layers (`SegDataLayer`), its preparation.
"""

from __future__ import annotations

import ast
import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Hashable, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from fcn_repro.datasets import file_readers, read_ahead
from fcn_repro.datasets.augmentation import OFF, Variation
from fcn_repro.datasets.sampling_order import Order
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError


@dataclass(frozen=True)
class DataLayer:
    """A Python layer as a prototxt names it: python_param's module and layer, and what goes into param_str."""

    module: str
    layer: str
    params: Mapping[str, object]  # paths relative to the repository's root


@dataclass(frozen=True)
class DataSet:
    """The facts of a data set: everything that is known of it before a file is opened."""

    name: str
    class_names: tuple[str, ...]  # in the order of the net's outputs
    mean_bgr: tuple[float, float, float]  # of pixels in 0-255
    void: int | None  # the label that is neither trained on nor scored; None: every pixel has a class
    splits: Mapping[str, int]  # images in each
    train: DataLayer
    val: DataLayer
    archives: tuple[str, ...] = ()  # rows of data/archives.csv that it is prepared from
    subsets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # tasks of fewer classes, scored as well
    inputs: Mapping[str, int] = field(default_factory=lambda: {"data": 3})  # tops that nets see, and their channels
    label: str = "label"  # the top with the truth in `class_names`
    more_labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # tops with other truths, their classes

    @property
    def heads(self) -> Mapping[str, tuple[str, ...]]:
        """The tops that nets are to predict, and the classes of each, in the order of a net's outputs."""
        return {self.label: self.class_names, **self.more_labels}

    @property
    def labels(self) -> tuple[int, ...]:
        """Every value that a label map may hold."""
        return (*range(len(self.class_names)), *([] if self.void is None else [self.void]))

    @property
    def remedy(self) -> str:
        """What to do when a file of this data set is missing or damaged."""
        return f"Remove the file if it is there, then run: make data-{self.name}"


def to_blob(image_rgb: np.ndarray, mean_bgr: Sequence[float] | np.ndarray) -> np.ndarray:
    """A photograph as the nets take it: (H, W, 3) uint8, R G B, becomes (3, H, W) float32, B G R, minus the mean.

    The mean is subtracted in its own precision, in double for plain numbers, and rounded once, as the reference does.
    """
    image_bgr = np.array(image_rgb, dtype=np.float32)[:, :, ::-1]
    image_bgr -= np.array(mean_bgr)
    return image_bgr.transpose(2, 0, 1)


class Pick(NamedTuple):
    """An item by its number in the list, and what its variation is drawn from, if it has one."""

    number: int
    draw: tuple[int, int] | None


class SegDataLayer(caffe.Layer):
    """One image and its label per forward; the net is reshaped to every image.

    A subclass states `facts`, `top_names` and the param_str keys it needs (`required`) or takes (`optional`), and
    says where the split's list is (`list_file`) and what one item consists of (`load`).

    Tops        one per array that `load` returns, (1, C, H, W) each
    param_str   a dict literal: the required keys, and optionally
                randomize (True)  draw images at random; never done for a split without "train" in its name
                seed (None)       of this layer's own generator; None takes one from the operating system
                and the variations that `fcn_repro.datasets.augmentation` lists
    Order       see `order.Order`. Several ranks (`caffe.solver_count`) take turns in the one order of a single run.
    Reading     is done ahead in a thread, which changes nothing but the time: see `read_ahead`
    Raises      ValueError for a wrong param_str or number of tops; DataError for missing and damaged files
    Source      reference 1305c73 voc_layers.py; its global generator is replaced by one per layer
    """

    facts: DataSet
    param_str: str  # Caffe sets it before setup
    _held: Any  # the arrays of the current item, once they are read
    top_names: tuple[str, ...] = ("data", "label")
    required: tuple[str, ...] = ("split",)
    optional: Mapping[str, object] = {"randomize": True, "seed": None, **OFF}

    def list_file(self) -> Path:
        """The list of the split's image ids."""
        raise NotImplementedError

    def load(self, item: str) -> Sequence[np.ndarray]:
        """The arrays of one item, (C, H, W) each, one per top in order; the same ones whenever it is asked.

        It runs in a thread of its own, so it draws no random numbers: those belong into `pick`.
        """
        raise NotImplementedError

    def pick(self, order: Order) -> Hashable:
        """Draw what one forward serves, moving the order on: here, one item."""
        draw = (order.seed, order.steps) if self.variation.is_random else None
        return Pick(order.step(), draw)

    def read(self, pick: Any) -> Sequence[np.ndarray]:
        """The tops of a pick."""
        arrays = self.variation(self.load(self.items[pick.number]), pick.draw)
        return [np.ascontiguousarray(array)[np.newaxis] for array in arrays]

    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Read param_str and the split's list; pick the first item."""
        self.options = self._parse(self.param_str)
        if len(bottom) or len(top) != len(self.top_names):
            found = f"{type(self).__name__} has {len(bottom)} bottoms and {len(top)} tops"
            raise ValueError(
                f"{found}; expected no bottoms and {len(self.top_names)} tops: {', '.join(self.top_names)}"
            )
        with self._naming_the_remedy():
            self.items = file_readers.read_list(self.list_file())
        self.order = Order(
            len(self.items), self.options["randomize"] and "train" in self.options["split"], self.options["seed"]
        )
        self.variation = self._vary()
        self._depth, self._reader = read_ahead.depth(), read_ahead.ReadAhead(self._read)
        self._look_ahead()

    def reshape(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Have the current item, and give the tops its shape."""
        if self._held is None:
            self._held = self._reader.take(self._picks[0])
        for i, array in enumerate(self._held):  # pycaffe's tops can be indexed, not iterated over
            top[i].reshape(*array.shape)

    def forward(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Copy the current item into the tops and move on to the next."""
        for i, array in enumerate(self._held):
            top[i].data[...] = array
        for _ in range(caffe.solver_count()):
            self.pick(self.order)
        self._look_ahead()
        self._reader.expect(self._picks[: self._depth])

    def backward(self, top: Sequence[Any], propagate_down: Sequence[bool], bottom: Sequence[Any]) -> None:
        """Nothing: data has no gradient."""

    @property
    def index(self) -> int:
        """The number of the item that the next forward serves."""
        return self._picks[0].number

    def position(self) -> dict:
        """Where the run stands in its data, fit for JSON: `seek` brings any layer over the same split there.

        It tells what was served, not what was read ahead, and is the same in every rank.
        """
        return self.order.position()

    def seek(self, position: Mapping[str, Any]) -> None:
        """Go to a place that `position` told: the next forward gives what it would have given there.

        Raises   DataError if the split had another number of images then.
        """
        if position["images"] != len(self.items):
            raise DataError(
                f"{self.list_file()}: {len(self.items)} images; expected {position['images']}, as when the position "
                "in it was noted. Bring that list back, or start afresh."
            )
        self.order.seek(position)
        self._look_ahead()

    def _vary(self) -> Variation:
        try:
            return Variation(self.options, self.top_names, self.facts.class_names, self.order.randomize)
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from error

    def _look_ahead(self) -> None:
        """Note what this rank serves next and after that, without moving on."""
        order, rank, ranks = self.order.copy(), caffe.solver_rank(), caffe.solver_count()
        picks = [self.pick(order) for _ in range(rank + 1 + ranks * max(self._depth - 1, 0))]
        self._picks: Sequence[Any] = picks[rank::ranks]
        self._held = None

    def _read(self, pick: Any) -> Sequence[np.ndarray]:
        with self._naming_the_remedy():
            return self.read(pick)

    def _parse(self, param_str: str) -> dict:
        try:
            options = {**self.optional, **ast.literal_eval(param_str)}
        except (SyntaxError, ValueError, TypeError) as error:
            raise ValueError(f"{type(self).__name__}: param_str is {param_str!r}; expected a dict literal") from error
        expected = {*self.optional, *self.required}
        if set(options) != expected:
            faults = [f"lacks {key}" for key in sorted(expected - set(options))]
            faults += [f"has an unknown key {key}" for key in sorted(set(options) - expected)]
            raise ValueError(f"{type(self).__name__}: param_str {param_str!r} {'; '.join(faults)}")
        return options

    @contextlib.contextmanager
    def _naming_the_remedy(self) -> Iterator[None]:
        try:
            yield
        except DataError as error:
            raise DataError(f"{error}\n{self.facts.remedy}") from error


def data_layer(net: caffe.Net) -> SegDataLayer:
    """The layer that feeds a net, which is its first.

    Raises   ValueError when that is no data layer of ours, so that nothing could ask it where in its data it stands.
    """
    layer = net.layers[0]
    if not isinstance(layer, SegDataLayer):
        raise ValueError(f"the net's first layer is of type {layer.type}; expected a SegDataLayer")
    return layer
