"""Net: the layers of a prototxt, run forward and backward over named blobs.

Source   caffe 9b89154 net.cpp and _caffe.cpp
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.errors import CaffeError, naming
from fcn_repro.caffe.kernels.malloc import give_back_holes
from fcn_repro.caffe.layers import create_layer
from fcn_repro.caffe.layers.base import Layer, layer_named, top_named
from fcn_repro.caffe.net import caffemodel_weights, hdf5_weights
from fcn_repro.caffe.net.backward_plan import BackwardStep, prune
from fcn_repro.caffe.net.insert_splits import with_splits
from fcn_repro.caffe.net.memory_required import MemoryRequired
from fcn_repro.caffe.net.net_state import filtered_layers
from fcn_repro.caffe.net.parameters import LearnableParam, Parameters
from fcn_repro.caffe.net.pycaffe_net import NetByName
from fcn_repro.caffe.padding_cache.border import Stretch, stretches
from fcn_repro.caffe.proto import caffe_pb2, prototxt

AUTOMATIC = "(automatic)"
PYTHON = "Python"

log = logging.getLogger("caffe")

Callback = Callable[[int], None]


class Net(NetByName):
    """A net as pycaffe shows it.

        Net(network_file, phase, level=0, stages=None, weights=None)
        Net(network_file, weights, phase)          the old form

    Attributes
        saves_memory   False, as in Caffe: after a backward pass the diffs of all blobs can be read. True: within the
                       pass those of maps turn to zeros as soon as they have been used; and a forward pass begins by
                       forgetting what the last one made

    Raises   RuntimeError("Could not open file ...") for a missing file; CaffeError, naming the layer, for what makes
             Caffe abort while it builds a net.
    """

    def __init__(
        self,
        network_file: str | Path,
        phase: int | str,
        level: int = 0,
        stages: Sequence[str] | None = None,
        weights: str | Path | None = None,
    ) -> None:
        if isinstance(phase, str):
            log.warning("Net(network_file, weights, phase) is deprecated; use Net(network_file, phase, weights=...)")
            weights, phase, level = phase, level, 0
        param = prototxt.read_net(network_file)
        param.state.phase = phase
        param.state.level = level
        param.state.stage.extend(stages or ())
        with naming(network_file):
            self._build(param)
        if weights is not None:
            self.copy_from(weights)

    @classmethod
    def from_param(cls, param) -> Net:
        """A net from a NetParameter whose `state` is complete; the message is not upgraded, as in Caffe."""
        net = cls.__new__(cls)
        net._build(param)
        return net

    # -- construction --------------------------------------------------------------------------------------------

    def _build(self, param) -> None:
        self.name: str = param.name
        self._phase: int = param.state.phase
        self.layers: list[Layer] = []
        self._layer_names: list[str] = []
        self.layer_params: list = []
        self._blobs: list[Blob] = []
        self._blob_names: list[str] = []
        self._inputs: list[int] = []
        self._bottoms: list[list[Blob]] = []
        self._tops: list[list[Blob]] = []
        self._loss_weights: list[list[float]] = []
        self._plan: list[BackwardStep] = []
        self._callbacks: dict[str, list[Callback]] = {when: [] for when in _CALLBACKS}
        self._params = Parameters()
        self._memory_required = MemoryRequired()
        available: dict[str, Blob] = {}
        needs_gradient: set[int] = set()  # ids of blobs
        for layer_param in with_splits(filtered_layers(param)):
            if not layer_param.HasField("phase"):
                layer_param.phase = param.state.phase
            self._append(layer_param, available, needs_gradient)
        prune(self._plan)
        if param.force_backward:
            self._force_backward()
        self._params.share()
        self.saves_memory = False
        self._fitting = [0] * len(self.layers)  # elements of every layer's tops, up to which they were found to fit
        self._outputs = self._ids(available[name] for name in sorted(available, key=str.encode))
        self._stretches: dict[int, Stretch] = {}
        if self._phase == caffe_pb2.TEST:
            self._stretches = stretches(
                list(zip(self.layers, self._bottoms, self._tops, strict=True)), self._loss_weights
            )

    def _append(self, param, available: dict[str, Blob], needs_gradient: set[int]) -> None:
        if len(param.propagate_down) not in (0, len(param.bottom)):
            raise CaffeError(
                f"layer {param.name!r} gives propagate_down {len(param.propagate_down)} times "
                f"for {len(param.bottom)} bottoms; expected none or one each"
            )
        layer = create_layer(param)
        if param.type != PYTHON:  # a user's attributes may have any name
            layer.memory_required = self._memory_required
        bottom = [available.pop(name) for name in param.bottom]
        top = self._make_tops(layer, bottom, available)
        if param.type == "Input":
            self._inputs += self._ids(top)
        weights = self._set_up(layer, bottom, top)
        specs = list(param.param)
        if len(specs) > len(layer.blobs):
            raise layer.error(f"has {len(specs)} param entries for {len(layer.blobs)} parameter blobs")
        specs += [caffe_pb2.ParamSpec()] * (len(layer.blobs) - len(specs))
        layer.param_propagate_down = [spec.lr_mult != 0 for spec in specs]
        self._params.add(layer, specs)
        wanted = list(param.propagate_down) or [id(blob) in needs_gradient for blob in bottom]
        runs = any(id(blob) in needs_gradient for blob in bottom) or any(layer.param_propagate_down)
        if runs:
            needs_gradient.update(id(blob) for blob in top)
        top_names = list(param.top) + [AUTOMATIC] * (len(top) - len(param.top))
        self._plan.append(BackwardStep(list(param.bottom), top_names, any(weights), runs, wanted))
        self.layers.append(layer)
        self._layer_names.append(param.name)
        self.layer_params.append(param)
        self._bottoms.append(bottom)
        self._tops.append(top)
        self._loss_weights.append(weights)

    def _make_tops(self, layer: Layer, bottom: list[Blob], available: dict[str, Blob]) -> list[Blob]:
        param = layer.param
        top = []
        for index, name in enumerate(param.top):
            if index < len(bottom) and param.bottom[index] == name:
                blob = bottom[index]
            elif name in self._blob_names:
                raise layer.error(
                    f"makes the top {name!r}, which another layer made already; only a layer that works in place may "
                    "repeat its bottom's name, and it must be the first reader of that bottom"
                )
            else:
                blob = self._new_blob(name)
            available[name] = blob
            top.append(blob)
        if layer.auto_top:
            while len(top) < layer.tops.least:
                top.append(self._new_blob(AUTOMATIC))
        return top

    def _new_blob(self, name: str) -> Blob:
        self._blobs.append(Blob((0,)))
        self._blob_names.append(name)
        return self._blobs[-1]

    def _set_up(self, layer: Layer, bottom: list[Blob], top: list[Blob]) -> list[float]:
        """Caffe's SetUp: counts, set-up, first reshape, loss weights. Returns the loss weight of every top."""
        param = layer.param
        for what, count, blobs in (("bottoms", layer.bottoms, bottom), ("tops", layer.tops, top)):
            if not count.admits(len(blobs)):
                raise layer.error(f"has {len(blobs)} {what}; expected {count}")
        if layer.equal_counts and len(bottom) != len(top):
            raise layer.error(f"has {len(bottom)} bottoms and {len(top)} tops; expected equally many")
        if layer.is_in_place and not layer.may_be_in_place:
            raise layer.error("cannot work in place; give its top another name than its bottom")
        layer.setup(bottom, top)
        layer.reshape(bottom, top)
        if layer.default_loss_weight and not param.loss_weight:
            param.loss_weight.append(layer.default_loss_weight)
        if param.loss_weight and len(param.loss_weight) != len(top):
            raise layer.error(
                f"has {len(param.loss_weight)} loss_weight values for {len(top)} tops; expected none or one each"
            )
        weights = list(param.loss_weight) or [0.0] * len(top)
        for index, (blob, weight) in enumerate(zip(top, weights, strict=True)):
            if weight:
                whose = f"{layer_named(param)} weighs {top_named(param, index)} of shape {list(blob.dims)}"
                self._memory_required.make(f"{whose} in the loss, which", blob.count)
                blob.store_gradient(torch.full(blob.dims, weight))
        return weights

    def _see_that_tops_fit(self, index: int) -> None:
        """Refuse to run a layer whose tops have grown to what this machine cannot hold beside what was made before."""
        param, layer, top = self.layer_params[index], self.layers[index], self._tops[index]
        count = sum(blob.count for blob in top)
        if count <= self._fitting[index]:
            return
        before = [blob for each in self.layers for blob in each.blobs]
        before += [blob for tops in self._tops[:index] for blob in tops]
        copies = layer.copies if param.type != PYTHON else 0
        for place, blob in enumerate(top):
            whose = f"{layer_named(param)} makes {top_named(param, place)} of shape {list(blob.dims)}, which"
            self._memory_required.fill(whose, blob, [*before, *top[:place]], copies)
        self._fitting[index] = count

    def _force_backward(self) -> None:
        for layer, step in zip(self.layers, self._plan, strict=True):
            step.runs = True
            step.propagate_down = [
                wanted or layer.allow_force_backward(index) for index, wanted in enumerate(step.propagate_down)
            ]
            layer.param_propagate_down = [True] * len(layer.blobs)

    # -- running -------------------------------------------------------------------------------------------------

    def _forward(self, start: int, end: int) -> float:
        """Run layers start to end (indices, included); returns the weighted sum of their losses."""
        if self.saves_memory and start == 0:
            self._let_maps_go()
        loss = 0.0
        done = start - 1
        for index in range(start, end + 1):
            if index in self._stretches and not self._has_callbacks("before_forward", "after_forward"):
                done = max(done, self._stretches[index].forward(end) or done)
            if index <= done:
                continue
            self._call_back("before_forward", index)
            layer, bottom, top = self.layers[index], self._bottoms[index], self._tops[index]
            layer.reshape(bottom, top)
            self._see_that_tops_fit(index)
            layer.forward(bottom, top)
            for blob, weight in zip(top, self._loss_weights[index], strict=True):
                if weight:
                    loss += float((blob.tensor * blob.gradient).sum())
            self._call_back("after_forward", index)
        if self._phase == caffe_pb2.TEST:  # a backward pass would be to use what is free
            give_back_holes()
        return loss

    def _backward(self, start: int, end: int) -> None:
        """Run layers start down to end (indices, included) backward, where a gradient is needed."""
        for stretch in self._stretches.values():
            stretch.settle()
        for index in range(start, end - 1, -1):
            self._call_back("before_backward", index)
            step = self._plan[index]
            if step.runs:
                self.layers[index].backward(self._tops[index], step.propagate_down, self._bottoms[index])
                if self.saves_memory:
                    self._let_gradients_go(index)
            self._call_back("after_backward", index)

    def _let_maps_go(self) -> None:
        """Forget what layers made of bottoms in the last pass, all of it at once.

        Given back one by one, each before it is made anew, maps leave holes that something smaller moves into: FCN-8s
        needed another 0.1 GB every few steps. Now a pass finds the memory as the one before it did.
        """
        made: list[Blob] = []
        given: set[int] = set()  # ids of memories
        for layer, bottom, top in zip(self.layers, self._bottoms, self._tops, strict=True):
            if bottom and layer.type != PYTHON:
                made += top
            else:
                given.update(id(blob.memory) for blob in top)
        for blob in made:
            if id(blob.memory) not in given:
                blob.let_go()

    def _let_gradients_go(self, index: int) -> None:
        """Forget the gradients of a layer's tops: it was the last to need them, unless it hands their memory down."""
        for blob, weight in zip(self._tops[index], self._loss_weights[index], strict=True):
            if not weight and not any(blob.shares_gradient(below) for below in self._bottoms[index]):
                blob.clear_gradient()

    def reshape(self) -> None:
        """Let sizes propagate from the inputs to every blob, without computing."""
        for layer, bottom, top in zip(self.layers, self._bottoms, self._tops, strict=True):
            layer.reshape(bottom, top)

    def before_forward(self, callback: Callback) -> None:
        """Call `callback(layer_index)` before each layer's forward."""
        self._callbacks["before_forward"].append(callback)

    def after_forward(self, callback: Callback) -> None:
        """Call `callback(layer_index)` after each layer's forward."""
        self._callbacks["after_forward"].append(callback)

    def before_backward(self, callback: Callback) -> None:
        """Call `callback(layer_index)` before each layer's turn in the backward pass, even if it has nothing to do."""
        self._callbacks["before_backward"].append(callback)

    def after_backward(self, callback: Callback) -> None:
        """Call `callback(layer_index)` after each layer's turn in the backward pass."""
        self._callbacks["after_backward"].append(callback)

    # -- parameters ----------------------------------------------------------------------------------------------

    @property
    def learnable_params(self) -> list[LearnableParam]:
        """Every parameter once, in layer order, with its multipliers."""
        return self._params.owners

    def layer_named(self, name: str) -> Layer | None:
        """The first layer of that name, which is the one that weights are copied to."""
        return next((layer for known, layer in zip(self._layer_names, self.layers, strict=True) if known == name), None)

    def is_shared(self, blob: Blob) -> bool:
        """Whether a parameter blob uses the memory of an earlier layer's, by the name in its ParamSpec."""
        return self._params.is_shared(blob)

    def clear_param_diffs(self) -> None:
        """Set the gradient of every learnable parameter to zero."""
        for param in self.learnable_params:
            param.blob.clear_gradient()

    def share_with(self, other: Net) -> None:
        """Use the parameter data of `other`'s layers of the same names from now on; diffs stay apart.

        Raises   CaffeError naming the layer where blob counts or shapes differ.
        """
        pairs: list[tuple[Blob, Blob]] = []
        for name, source in zip(other._layer_names, other.layers, strict=True):
            target = self.layer_named(name)
            if target is not None:
                _require_equal_blobs(target, source)
                pairs += zip(target.blobs, source.blobs, strict=True)
        for mine, theirs in pairs:
            mine.share_data(theirs)

    def copy_from(self, path: str | Path) -> None:
        """Load weights by layer name from a .caffemodel or HDF5 file, told apart by content.

        Layers that only one side has are passed over. Diffs are loaded too where the file has them.

        Raises   CaffeError naming file, layer and both shapes where a layer of the same name does not fit.
        """
        weights = hdf5_weights if hdf5_weights.is_hdf5(path) else caffemodel_weights
        weights.load(self, path)

    def save(self, path: str | Path, with_diff: bool = False) -> None:
        """Write all layers and their weights as a .caffemodel, atomically."""
        caffemodel_weights.save(self, path, with_diff)

    def save_hdf5(self, path: str | Path, with_diff: bool = False) -> None:
        """Write the weights as HDF5, atomically: /data/<layer>/<index>."""
        hdf5_weights.save(self, path, with_diff)

    def load_hdf5(self, path: str | Path) -> None:
        """Load weights by layer name from an HDF5 file."""
        hdf5_weights.load(self, path)

    # -- by number -----------------------------------------------------------------------------------------------

    @property
    def _blob_loss_weights(self) -> list[float]:
        weights = [0.0] * len(self._blobs)
        for top, loss_weights in zip(self._tops, self._loss_weights, strict=True):
            for index, weight in zip(self._ids(top), loss_weights, strict=True):
                weights[index] = weight
        return weights

    def _top_ids(self, layer_index: int) -> list[int]:
        return self._ids(self._tops[layer_index])

    def _bottom_ids(self, layer_index: int) -> list[int]:
        return self._ids(self._bottoms[layer_index])

    def _ids(self, blobs: Iterable[Blob]) -> list[int]:
        return [next(i for i, known in enumerate(self._blobs) if known is blob) for blob in blobs]

    # -- small parts ---------------------------------------------------------------------------------------------

    def _has_callbacks(self, *whens: str) -> bool:
        return any(self._callbacks[when] for when in whens)

    def _call_back(self, when: str, index: int) -> None:
        for callback in self._callbacks[when]:
            callback(index)


_CALLBACKS = ("before_forward", "after_forward", "before_backward", "after_backward")


def _require_equal_blobs(mine: Layer, theirs: Layer) -> None:
    shapes, other_shapes = ([list(blob.dims) for blob in layer.blobs] for layer in (mine, theirs))
    if shapes != other_shapes:
        raise mine.error(
            f"has blobs of shapes {shapes} here and {other_shapes} in the net whose weights it should share"
        )
