"""Net in Python: blobs, layers and parameters by name, arrays in, arrays out.

Source   caffe 9b89154 python/caffe/pycaffe.py
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Any

import numpy as np

from fcn_repro.caffe.blob import Blob, BlobVec
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.layers.data.memory_data import MemoryData
from fcn_repro.caffe.vectors import DtypeVec, IntVec, LayerVec, RawBlobVec, StringVec

Arrays = dict[str, np.ndarray]


def _cached_as(attribute: str) -> Callable[[Callable[[Any], Any]], property]:
    """Make a property that keeps its value under pycaffe's private name, which scripts read and replace."""

    def decorate(compute: Callable[[Any], Any]) -> property:
        def get(self: Any) -> Any:
            if attribute not in vars(self):
                setattr(self, attribute, compute(self))
            return getattr(self, attribute)

        return property(get, doc=compute.__doc__)

    return decorate


class PycaffeNet:
    """The part of Net that pycaffe writes in Python; Net fills these attributes, by number."""

    layers: LayerVec
    _layer_names: StringVec
    _blobs: BlobVec
    _blob_names: StringVec
    _bottoms: list[RawBlobVec]
    _tops: list[RawBlobVec]
    _loss_weights: list[list[float]]  # of every layer's tops
    _inputs: IntVec
    _outputs: IntVec

    # -- structure -----------------------------------------------------------------------------------------------

    @_cached_as("_blobs_dict")
    def blobs(self) -> OrderedDict[str, Blob]:
        """Every blob by name, in order of creation."""
        return OrderedDict(zip(self._blob_names, self._blobs, strict=True))

    @_cached_as("_blob_loss_weights_dict")
    def blob_loss_weights(self) -> OrderedDict[str, float]:
        """The loss weight of every blob, 0 for most."""
        return OrderedDict(zip(self._blob_names, self._blob_loss_weights, strict=True))

    @_cached_as("_layer_dict")
    def layer_dict(self) -> OrderedDict[str, Layer]:
        """Every layer by name, in order; of two layers with one name, the last."""
        return OrderedDict(zip(self._layer_names, self.layers, strict=True))

    @_cached_as("_params_dict")
    def params(self) -> OrderedDict[str, BlobVec]:
        """The parameter blobs of every layer with parameters."""
        return OrderedDict((name, layer.blobs) for name, layer in self.layer_dict.items() if layer.blobs)

    @_cached_as("_input_list")
    def inputs(self) -> list[str]:
        """The tops of Input layers, in order."""
        return self._names(self._inputs)

    @_cached_as("_output_list")
    def outputs(self) -> list[str]:
        """The blobs that no layer reads, in order of their names."""
        return self._names(self._outputs)

    @_cached_as("_top_names")
    def top_names(self) -> OrderedDict[str, list[str]]:
        """The tops of every layer."""
        return OrderedDict((name, self._names(self._top_ids(i))) for i, name in enumerate(self._layer_names))

    @_cached_as("_bottom_names")
    def bottom_names(self) -> OrderedDict[str, list[str]]:
        """The bottoms of every layer."""
        return OrderedDict((name, self._names(self._bottom_ids(i))) for i, name in enumerate(self._layer_names))

    # -- running -------------------------------------------------------------------------------------------------

    def forward(
        self, blobs: Iterable[str] | None = None, start: str | None = None, end: str | None = None, **inputs: np.ndarray
    ) -> Arrays:
        """Run the layers from `start` to `end` (names, both included; by default all).

        Keyword arguments fill the input blobs and must name all of them. Returns the outputs (or the tops of `end`) and
        the blobs named in `blobs`, as live arrays.

        Raises   Exception, as pycaffe, for arguments with other names than the inputs, or another batch size
        """
        if inputs:
            _require_names("Input blob arguments do not match net inputs.", inputs, self.inputs)
            for name, array in inputs.items():
                _require_batch("Input is not batch sized", name, array, self.blobs[name])
                self.blobs[name].data[...] = array
        self._forward(self._index(start, 0), self._index(end, len(self.layers) - 1))
        names = self.outputs if end is None else self.top_names[end]
        return {name: self.blobs[name].data for name in [*names, *(blobs or ())]}

    def backward(
        self, diffs: Iterable[str] | None = None, start: str | None = None, end: str | None = None, **seeds: np.ndarray
    ) -> Arrays:
        """Run the layers backward from `start` down to `end` (names, both included; by default all).

        Keyword arguments fill the output diffs and must name all of them. Parameter diffs accumulate. Returns the diffs
        of the inputs (or of the bottoms of `end`) and of the blobs named in `diffs`, as live arrays.

        Raises   Exception, as pycaffe, for arguments with other names than the outputs, or another batch size
        """
        if seeds:
            _require_names("Top diff arguments do not match net outputs.", seeds, self.outputs)
            for name, array in seeds.items():
                _require_batch("Diff is not batch sized", name, array, self.blobs[name])
                self.blobs[name].diff[...] = array
        self._backward(self._index(start, len(self.layers) - 1), self._index(end, 0))
        names = self.inputs if end is None else self.bottom_names[end]
        return {name: self.blobs[name].diff for name in [*names, *(diffs or ())]}

    def forward_all(self, blobs: Iterable[str] | None = None, **inputs: np.ndarray) -> Arrays:
        """Run forward in batches over inputs of any length.

        Returns the outputs and the blobs named in `blobs`, as long as the first input.
        """
        if not inputs:
            raise CaffeError(f"forward_all: got no arrays, expected them for the inputs {self.inputs}")
        blobs = list(blobs or ())
        outs = _Rows([*self.outputs, *blobs])
        for batch in self._batch(inputs):
            outs.extend(self.forward(blobs, None, None, **batch))
        return outs.arrays(_length(inputs))

    def forward_backward_all(
        self, blobs: Iterable[str] | None = None, diffs: Iterable[str] | None = None, **arrays: np.ndarray
    ) -> tuple[Arrays, Arrays]:
        """Run forward and backward in batches; arrays with names of inputs fill data, with names of outputs diffs.

        Returns the outputs with the blobs named in `blobs`, and the diffs of the inputs and those named in `diffs`.
        """
        inputs = {name: array for name, array in arrays.items() if name in self.inputs}
        seeds = {name: array for name, array in arrays.items() if name in self.outputs}
        if not inputs:
            raise CaffeError(f"forward_backward_all: got no arrays, expected them for the inputs {self.inputs}")
        blobs, diffs = list(blobs or ()), list(diffs or ())
        outs, gradients = _Rows([*self.outputs, *blobs]), _Rows([*self.inputs, *diffs])
        seeds_then_none = chain(self._batch(seeds), repeat({}))
        for batch, seed in zip(self._batch(inputs), seeds_then_none, strict=False):
            outs.extend(self.forward(blobs, None, None, **batch))
            gradients.extend(self.backward(diffs, None, None, **seed))
        return outs.arrays(_length(inputs)), gradients.arrays(_length(inputs))

    def set_input_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Let the first layer, a MemoryData, read from float32 arrays: data (n, C, H, W) and labels (n).

        Raises   CaffeError if the first layer is not a MemoryData or the arrays do not fit it
        """
        self._set_input_arrays(data, labels)

    def _set_input_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        source = self.layers[0]
        if not isinstance(source, MemoryData):
            raise CaffeError(f"set_input_arrays may only be called if the first layer is MemoryData; got {source.type}")
        source.set_arrays(data, labels)

    def _forward(self, start: int, end: int) -> float:
        raise NotImplementedError

    def _backward(self, start: int, end: int) -> None:
        raise NotImplementedError

    def _batch(self, arrays: Arrays) -> Iterator[Arrays]:
        """Yield consecutive slices as long as the net's first blob; zeros fill the last."""
        size = self._blobs[0].dims[0]
        for start in range(0, _length(arrays), size):
            yield {name: _pad(np.asarray(array[start : start + size]), size) for name, array in arrays.items()}

    # -- by number -----------------------------------------------------------------------------------------------

    @property
    def _blob_loss_weights(self) -> DtypeVec:
        weights = DtypeVec([0.0] * len(self._blobs))
        for top, loss_weights in zip(self._tops, self._loss_weights, strict=True):
            for index, weight in zip(self._ids(top), loss_weights, strict=True):
                weights[index] = weight
        return weights

    def _top_ids(self, layer_index: int) -> IntVec:
        return self._ids(self._tops[layer_index])

    def _bottom_ids(self, layer_index: int) -> IntVec:
        return self._ids(self._bottoms[layer_index])

    def _ids(self, blobs: Iterable[Blob]) -> IntVec:
        return IntVec(next(i for i, known in enumerate(self._blobs) if known is blob) for blob in blobs)

    def _names(self, blob_ids: Iterable[int]) -> list[str]:
        return [self._blob_names[i] for i in blob_ids]

    def _index(self, layer_name: str | None, default: int) -> int:
        return default if layer_name is None else self._layer_names.index(layer_name)


class _Rows:
    """Rows of several batches, by blob."""

    def __init__(self, names: Iterable[str]) -> None:
        self._rows: dict[str, list[np.ndarray]] = {name: [] for name in names}

    def extend(self, batch: Arrays) -> None:
        for name, rows in self._rows.items():
            rows.extend(batch[name].copy())

    def arrays(self, length: int) -> Arrays:
        return {name: np.asarray(rows)[:length] for name, rows in self._rows.items()}


def _length(arrays: Arrays) -> int:
    return len(next(iter(arrays.values()), ()))


def _pad(array: np.ndarray, size: int) -> np.ndarray:
    missing = size - len(array)
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]))]) if missing else array


def _require_names(complaint: str, given: Arrays, expected: list[str]) -> None:
    if set(given) != set(expected):
        raise Exception(f"{complaint} Got: {sorted(given)}; expected: {expected}")


def _require_batch(complaint: str, name: str, array: np.ndarray, blob: Blob) -> None:
    if len(array) != blob.shape[0]:
        raise Exception(f"{complaint}: {name!r} got {len(array)} items, expected {blob.shape[0]}")
