"""The Python layer that feeds a data set to a net, one image per forward pass."""

from __future__ import annotations

import ast
import contextlib
from importlib import import_module
from pathlib import Path
from typing import Any, Hashable, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from fcn_repro.datasets import file_readers, prefetch
from fcn_repro.datasets.augmentation import OFF, Augmentation
from fcn_repro.datasets.data_set import DataSet, LayerSpec
from fcn_repro.datasets.sampling_order import SamplingOrder
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError


class Pick(NamedTuple):
    """The index of an item, and the seed of its augmentation (None: no random augmentation)."""

    number: int
    draw: tuple[int, int] | None


class SegDataLayer(caffe.Layer):
    """Serves one image and its label map per forward pass; the net is reshaped to every image.

    A subclass sets `facts`, `top_names`, the keys of param_str (`required`, `optional`) and `list_pattern`, the path
    of the split's list with these keys in braces. It implements `load`.

    Tops        one per array that `load` returns, (1, C, H, W) each
    param_str   a dict literal with the required keys and optionally
                randomize (True)  draw images at random; only for splits with "train" in their name
                seed (None)       seed of this layer's generator; None takes one from the operating system
                and the options of `fcn_repro.datasets.augmentation`
    Order       see `SamplingOrder`. Several ranks (`caffe.solver_count`) share the order of a single run in turns.
    Prefetch    a thread loads the next items; this changes the time only, see `prefetch`
    Raises      ValueError for a wrong param_str or number of tops; DataError for missing and damaged files
    Source      reference 1305c73 voc_layers.py. Differs: one random generator per layer instead of the global one.
    """

    facts: DataSet
    param_str: str  # set by Caffe before `setup`
    list_pattern: str
    top_names: tuple[str, ...] = ("data", "label")
    required: tuple[str, ...] = ("split",)
    optional: Mapping[str, object] = {"randomize": True, "seed": None, **OFF}

    def list_file(self) -> Path:
        """Return the path of the split's list of image ids."""
        return Path(self.list_pattern.format(**self.options))

    def load(self, item: str) -> Sequence[np.ndarray]:
        """Return the arrays of one item, (C, H, W) each, one per top.

        Runs in the prefetch thread, so it must be deterministic; `pick` draws the random numbers.
        """
        raise NotImplementedError

    def pick(self, order: SamplingOrder) -> Hashable:
        """Draw what one forward pass serves (one item), and advance the order."""
        draw = (order.seed, order.steps) if self.augmentation.is_random else None
        return Pick(order.step(), draw)

    def read(self, pick: Any) -> Sequence[np.ndarray]:
        """Return the tops of a pick."""
        arrays = self.augmentation(self.load(self.items[pick.number]), pick.draw)
        return [np.ascontiguousarray(array)[np.newaxis] for array in arrays]

    def setup(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Read param_str and the split's list; pick the first item."""
        self.options = self._parse(self.param_str)
        if len(bottom) or len(top) != len(self.top_names):
            expected = f"no bottoms and {len(self.top_names)} tops: {', '.join(self.top_names)}"
            raise ValueError(
                f"{type(self).__name__}: got {len(bottom)} bottoms and {len(top)} tops; expected {expected}"
            )
        with self._add_remedy():
            self.items = file_readers.read_list(self.list_file())
        randomize = self.options["randomize"] and "train" in self.options["split"]
        self.order = SamplingOrder(len(self.items), randomize, self.options["seed"])
        try:
            self.augmentation = Augmentation(self.options, self.top_names, self.facts.class_names, randomize)
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from error
        self._queue_length, self._prefetcher = prefetch.get_queue_length(), prefetch.Prefetcher(self._read)
        self._current: Any = None  # the arrays, once `reshape` has read them
        self._look_ahead()

    def reshape(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Load the current item, and give the tops its shape."""
        if self._current is None:
            self._current = self._prefetcher.get(self._picks[0])
        for i, array in enumerate(self._current):  # pycaffe's tops support indexing but no iteration
            top[i].reshape(*array.shape)

    def forward(self, bottom: Sequence[Any], top: Sequence[Any]) -> None:
        """Copy the current item into the tops, and advance to the next item."""
        for i, array in enumerate(self._current):
            top[i].data[...] = array
        for _ in range(caffe.solver_count()):
            self.pick(self.order)
        self._look_ahead()
        self._prefetcher.schedule(self._picks[: self._queue_length])

    def backward(self, top: Sequence[Any], propagate_down: Sequence[bool], bottom: Sequence[Any]) -> None:
        """Do nothing: data has no gradient."""

    def input_image(self, number: int, blobs: Mapping[str, Any]) -> np.ndarray:
        """The image of an item that the net with these blobs has just computed: (C, H, W), B G R minus mean."""
        return blobs[next(iter(blobs))].data[0]

    @property
    def index(self) -> int:
        """The number of the item that the next forward pass serves."""
        return self._picks[0].number

    def position(self) -> dict:
        """Return the run's place in its data as JSON values, the same in every rank, for `seek`.

        It counts items served and ignores prefetched ones.
        """
        return self.order.position()

    def seek(self, position: Mapping[str, Any]) -> None:
        """Continue from a `position`, of this layer or of another one over the same split.

        Raises   DataError if the number of images in the split has changed
        """
        if position["images"] != len(self.items):
            raise DataError(
                f"{self.list_file()}: got {len(self.items)} images; expected {position['images']}, as in the saved "
                "position. Fix: restore that list, or restart the run from scratch"
            )
        self.order.seek(position)
        self._look_ahead()

    def _look_ahead(self) -> None:
        """Compute this rank's next picks without advancing the order."""
        order, rank, ranks = self.order.copy(), caffe.solver_rank(), caffe.solver_count()
        picks = [self.pick(order) for _ in range(rank + 1 + ranks * max(self._queue_length - 1, 0))]
        self._picks: Sequence[Any] = picks[rank::ranks]
        self._current = None

    def _read(self, pick: Any) -> Sequence[np.ndarray]:
        with self._add_remedy():
            return self.read(pick)

    def _parse(self, param_str: str) -> dict:
        try:
            options = {**self.optional, **ast.literal_eval(param_str)}
        except (SyntaxError, ValueError, TypeError) as error:
            raise ValueError(f"{type(self).__name__}: got param_str {param_str!r}; expected a dict literal") from error
        expected = {*self.optional, *self.required}
        if set(options) != expected:
            faults = [f"lacks {key}" for key in sorted(expected - set(options))]
            faults += [f"has an unknown key {key}" for key in sorted(set(options) - expected)]
            raise ValueError(f"{type(self).__name__}: param_str {param_str!r} {'; '.join(faults)}")
        return options

    @contextlib.contextmanager
    def _add_remedy(self) -> Iterator[None]:
        try:
            yield
        except DataError as error:
            raise DataError(f"{error}\n{self.facts.remedy}") from error


def find_data_layer(net: caffe.Net) -> SegDataLayer:
    """Return a net's data layer, which is its first layer.

    Raises   ValueError if it is no `SegDataLayer`, which alone can report and restore its position
    """
    layer = net.layers[0]
    if not isinstance(layer, SegDataLayer):
        raise ValueError(f"first layer of the net: got type {layer.type}; expected a SegDataLayer")
    return layer


def open_data_layer(spec: LayerSpec) -> SegDataLayer:
    """Set up a data layer outside of a net, to list and load the items of its split."""
    layer_class = getattr(import_module(spec.module), spec.layer)
    layer = layer_class.__new__(layer_class)  # only a net can call the constructor of pycaffe's layers
    layer.param_str = repr(dict(spec.params))
    layer.setup([], spec.params.get("tops", layer_class.top_names))
    return layer
