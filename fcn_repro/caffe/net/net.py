"""Net: the layers of a prototxt, forward and backward over named blobs.

Source   caffe 9b89154 net.cpp and _caffe.cpp
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import torch

from fcn_repro.caffe.blob import Blob, BlobVec
from fcn_repro.caffe.errors import CaffeError, attach_file
from fcn_repro.caffe.glog import log_creation
from fcn_repro.caffe.kernels.malloc import keep_freed_memory, trim_fragmentation
from fcn_repro.caffe.kernels.primitive_cache import limit_primitives
from fcn_repro.caffe.kernels.thread_waiting import adapt_to_load
from fcn_repro.caffe.layers import create_layer, known_types, require_known_types
from fcn_repro.caffe.layers.base import Layer, describe_layer, describe_top
from fcn_repro.caffe.memory_required import MemoryRequired
from fcn_repro.caffe.net import caffemodel_weights, hdf5_weights, net_display, net_log
from fcn_repro.caffe.net.backward_plan import BackwardStep, prune
from fcn_repro.caffe.net.insert_splits import insert_splits
from fcn_repro.caffe.net.net_state import filter_layers
from fcn_repro.caffe.net.parameters import LearnableParam, Parameters
from fcn_repro.caffe.net.pycaffe_net import PycaffeNet
from fcn_repro.caffe.padding_cache.cached_segment import CachedSegment, find_segments
from fcn_repro.caffe.proto import caffe_pb2, prototxt
from fcn_repro.caffe.vectors import IntVec, LayerVec, RawBlobVec, StringVec

AUTOMATIC = "(automatic)"
PYTHON = "Python"

log = logging.getLogger("caffe")

Callback = Callable[[int], None]


def _register(when: str) -> Callable[[Net, Callback], None]:
    def register(self: Net, callback: Callback) -> None:
        self._callbacks[when].append(callback)

    return register


class Net(PycaffeNet):
    """A net with pycaffe's interface.

        Net(network_file, phase, level=0, stages=None, weights=None)
        Net(network_file, weights, phase)          the old form

    Attributes
        saves_memory   False, as in Caffe: after a backward pass all diffs are available. True: a backward pass frees
                       diffs of feature maps after their last use; a forward pass first frees the last one's results
        debug_info     whether passes log the mean magnitude of every blob and gradient, as the NetParameter asks

    Raises   RuntimeError("Could not open file ...") for a missing file; CaffeError, naming the layer, for a net that
             Caffe aborts on; TypeError for weights without a phase
    """

    def __init__(
        self,
        network_file: str | Path,
        phase: int | str | Path,
        level: int | None = None,
        stages: Sequence[str] | None = None,
        weights: str | Path | None = None,
    ) -> None:
        if isinstance(phase, (str, Path)):
            weights, phase, level = phase, _require_old_form(phase, level, stages, weights), None
            log.warning("Net(network_file, weights, phase) is deprecated; use Net(network_file, phase, weights=...)")
        param = prototxt.read_net(network_file, known_types())
        param.state.phase = phase
        param.state.level = level or 0
        param.state.stage.extend(stages or ())
        with attach_file(network_file):
            self._build(param, network_file)
        if weights is not None:
            self.copy_from(weights)

    @classmethod
    def from_param(cls, param, source: str | Path | None = None) -> Net:
        """Build a net from a NetParameter with a complete `state`; the message is not upgraded, as in Caffe.

        `source` is its prototxt, for the line numbers in errors.
        """
        net = cls.__new__(cls)
        net._build(param, source)
        return net

    def _repr_svg_(self) -> str:
        """Return a drawing of the net, which notebooks show."""
        return net_display.render_svg(self)

    def _repr_html_(self) -> str:
        """Return the drawing with tables of blobs and parameters, which notebooks show."""
        return net_display.render_html(self)

    # -- construction --------------------------------------------------------------------------------------------

    def _build(self, param, source: str | Path | None) -> None:
        keep_freed_memory()
        self.name: str = param.name
        self._phase: int = param.state.phase
        self.layers = LayerVec()
        self._layer_names = StringVec()
        self.layer_params: list = []
        self._blobs = BlobVec()
        self._blob_names = StringVec()
        self._inputs = IntVec()
        self._bottoms: list[RawBlobVec] = []
        self._tops: list[RawBlobVec] = []
        self._loss_weights: list[list[float]] = []
        self._plan: list[BackwardStep] = []
        self._callbacks: dict[str, list[Callback]] = defaultdict(list)
        self._params = Parameters()
        self._memory_required = MemoryRequired()
        self._top_values = 0
        available: dict[str, Blob] = {}
        needs_gradient: set[int] = set()  # ids of blobs
        kept = self._kept_layers = filter_layers(param)
        require_known_types(kept, source)
        _log_param(param, kept)
        for layer_param in insert_splits(kept):
            if not layer_param.HasField("phase"):
                layer_param.phase = param.state.phase
            self._append(layer_param, available, needs_gradient)
        prune(self._plan)
        for name, step in zip(reversed(self._layer_names), reversed(self._plan), strict=True):
            net_log.write("%s %s backward computation.", name, "needs" if step.runs else "does not need")
        if param.force_backward:
            self._force_backward()
        self._params.share_memory()
        limit_primitives(sum(blob.count for layer in self.layers for blob in layer.blobs))
        self.saves_memory = False
        self.debug_info: bool = param.debug_info
        self._checked_counts = [0] * len(self.layers)  # elements of every layer's tops that fit the memory
        self._outputs = self._ids(available[name] for name in sorted(available, key=str.encode))
        for name in self._names(self._outputs):
            net_log.write("This network produces output %s", name)
        net_log.write("Network initialization done.")
        self._segments: dict[int, CachedSegment] = {}
        if self._phase == caffe_pb2.TEST:
            self._segments = find_segments(
                list(zip(self.layers, self._bottoms, self._tops, strict=True)), self._loss_weights
            )

    def _append(self, param, available: dict[str, Blob], needs_gradient: set[int]) -> None:
        if len(param.propagate_down) not in (0, len(param.bottom)):
            raise CaffeError(
                f"layer {param.name!r}: got {len(param.propagate_down)} propagate_down values "
                f"for {len(param.bottom)} bottoms; expected none or one each"
            )
        log_creation(param.name)
        layer = create_layer(param)
        net_log.write("Creating Layer %s", param.name)
        if param.type != PYTHON:  # a user's layer may have any attributes
            layer.memory_required = self._memory_required
        bottom = RawBlobVec(available.pop(name) for name in param.bottom)
        top = self._make_tops(layer, bottom, available)
        if param.type == "Input":
            self._inputs += self._ids(top)
        net_log.write_wiring(param, len(bottom))
        weights = self._set_up(layer, bottom, top)
        self._top_values += sum(blob.count for blob in top)
        net_log.write_tops(param.name, top, weights, self._top_values)
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

    def _make_tops(self, layer: Layer, bottom: list[Blob], available: dict[str, Blob]) -> RawBlobVec:
        param = layer.param
        top = RawBlobVec()
        for index, name in enumerate(param.top):
            if index < len(bottom) and param.bottom[index] == name:
                blob = bottom[index]
            elif name in self._blob_names:
                raise layer.error(
                    f"makes the top {name!r}, which an earlier layer makes; only an in-place layer may repeat its "
                    "bottom's name, and it must be the first reader of that bottom"
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
        """Run Caffe's SetUp: counts, set-up, first reshape, loss weights. Returns the loss weight of every top."""
        param = layer.param
        for what, count, blobs in (("bottoms", layer.bottoms, bottom), ("tops", layer.tops, top)):
            if not count.admits(len(blobs)):
                raise layer.error(f"has {len(blobs)} {what}; expected {count}")
        if layer.equal_counts and len(bottom) != len(top):
            raise layer.error(f"has {len(bottom)} bottoms and {len(top)} tops; expected equal numbers")
        if layer.is_in_place and not layer.may_be_in_place:
            raise layer.error("cannot work in place. Fix: give its top another name than its bottom")
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
                whose = f"{describe_top(param, index)}, {list(blob.dims)}"
                self._memory_required.add(f"{describe_layer(param)} makes loss weights of {whose}, which", blob.count)
                blob.store_gradient(torch.full(blob.dims, weight))
        return weights

    def _check_tops_fit(self, index: int) -> None:
        """Refuse to run a layer whose tops do not fit this machine's memory beside earlier layers' tops."""
        param, layer, top = self.layer_params[index], self.layers[index], self._tops[index]
        count = sum(blob.count for blob in top)
        if count <= self._checked_counts[index]:
            return
        before = [blob for each in self.layers for blob in each.blobs]
        before += [blob for tops in self._tops[:index] for blob in tops]
        copies = layer.copies if param.type != PYTHON else 0
        for place, blob in enumerate(top):
            subject = f"{describe_layer(param)} makes {describe_top(param, place)} of shape {list(blob.dims)}, which"
            self._memory_required.check(subject, blob, [*before, *top[:place]], copies)
        self._checked_counts[index] = count

    def _force_backward(self) -> None:
        for layer, step in zip(self.layers, self._plan, strict=True):
            step.runs = True
            step.propagate_down = [
                wanted or layer.allow_force_backward(index) for index, wanted in enumerate(step.propagate_down)
            ]
            layer.param_propagate_down = [True] * len(layer.blobs)

    # -- running -------------------------------------------------------------------------------------------------

    def _forward(self, start: int, end: int) -> float:
        """Run layers start to end (indices, both included); return the weighted sum of their losses."""
        self._require_layers(start, end)
        adapt_to_load()
        if self.saves_memory and start == 0:
            self._release_activations()
        loss = 0.0
        done = start - 1
        for index in range(start, end + 1):
            if index in self._segments and not self._shows_every_layer:
                done = max(done, self._segments[index].forward(end) or done)
            if index <= done:
                continue
            self._call_back("before_forward", index)
            layer, bottom, top = self.layers[index], self._bottoms[index], self._tops[index]
            layer.reshape(bottom, top)
            self._check_tops_fit(index)
            layer.forward(bottom, top)
            for blob, weight in zip(top, self._loss_weights[index], strict=True):
                if weight:
                    loss += float((blob.tensor * blob.gradient).sum())
            if self.debug_info:
                net_log.write_forward(self, index)
            self._call_back("after_forward", index)
        if self._phase == caffe_pb2.TEST:  # in TRAIN the backward pass uses the free memory
            trim_fragmentation()
        return loss

    def _backward(self, start: int, end: int) -> None:
        """Run layers start down to end (indices, both included) backward, where a gradient is needed."""
        self._require_layers(end, start)
        for segment in self._segments.values():
            segment.complete()
        for index in range(start, end - 1, -1):
            self._call_back("before_backward", index)
            step = self._plan[index]
            if step.runs:
                self.layers[index].backward(self._tops[index], step.propagate_down, self._bottoms[index])
                if self.debug_info:
                    net_log.write_backward(self, index)
                if self.saves_memory:
                    self._release_gradients(index)
            self._call_back("after_backward", index)

    @property
    def _shows_every_layer(self) -> bool:
        """Whether anything observes each layer's forward pass."""
        return self.debug_info or bool(self._callbacks["before_forward"] or self._callbacks["after_forward"])

    def _require_layers(self, first: int, last: int) -> None:
        """Refuse a pass over layers that the net does not have, such as any pass of a net without layers."""
        if not self.layers:
            raise CaffeError(f"net {self.name!r} has no layers, expected at least one. Fix: check the prototxt's rules")
        if not (0 <= first and last < len(self.layers)):
            raise CaffeError(
                f"net {self.name!r}: got layers {first} to {last}, expected indices from 0 to {len(self.layers) - 1}"
            )

    def _release_activations(self) -> None:
        """Free what layers computed from bottoms in the last pass, all at once.

        Freed one by one, each before it is recomputed, feature maps leave holes that smaller blocks fill: FCN-8s then
        needs another 0.1 GB every few steps.
        """
        computed: list[Blob] = []
        kept: set[int] = set()  # ids of memories
        for layer, bottom, top in zip(self.layers, self._bottoms, self._tops, strict=True):
            if bottom and layer.type != PYTHON:
                computed += top
            else:
                kept.update(id(blob.memory) for blob in top)
        for blob in computed:
            if id(blob.memory) not in kept:
                blob.release()

    def _release_gradients(self, index: int) -> None:
        """Free the gradients of a layer's tops after their last use, unless a bottom shares their memory."""
        for blob, weight in zip(self._tops[index], self._loss_weights[index], strict=True):
            if not weight and not any(blob.shares_gradient(below) for below in self._bottoms[index]):
                blob.clear_gradient()

    def reshape(self) -> None:
        """Propagate sizes from the inputs to every blob, without computing."""
        for layer, bottom, top in zip(self.layers, self._bottoms, self._tops, strict=True):
            layer.reshape(bottom, top)

    # Each registers callback(layer_index), which runs before or after a layer's forward, or before or after its place
    # in the backward pass, even if it does not run backward.
    before_forward = _register("before_forward")
    after_forward = _register("after_forward")
    before_backward = _register("before_backward")
    after_backward = _register("after_backward")

    # -- parameters ----------------------------------------------------------------------------------------------

    @property
    def learnable_params(self) -> list[LearnableParam]:
        """Every parameter once, in layer order, with its multipliers."""
        return self._params.owners

    @cached_property
    def _first_layers(self) -> dict[str, Layer]:
        """Layers by name; of two with one name the first, to which weights are copied."""
        return {name: layer for name, layer in reversed([*zip(self._layer_names, self.layers, strict=True)])}

    def is_shared(self, blob: Blob) -> bool:
        """Return whether a parameter blob uses an earlier layer's memory, by the name in its ParamSpec."""
        return self._params.is_shared(blob)

    def clear_param_diffs(self) -> None:
        """Set the gradient of every learnable parameter to zero."""
        for param in self.learnable_params:
            param.blob.clear_gradient()

    def share_with(self, other: Net) -> None:
        """Use the parameter data of `other`'s layers of the same names from now on; diffs stay separate.

        Raises   CaffeError naming the layer where blob counts or shapes differ
        """
        pairs: list[tuple[Blob, Blob]] = []
        for name, source in zip(other._layer_names, other.layers, strict=True):
            target = self._first_layers.get(name)
            if target is None:
                net_log.write("Ignoring source layer %s", name)
            else:
                _require_equal_blobs(target, source)
                pairs += zip(target.blobs, source.blobs, strict=True)
        for mine, theirs in pairs:
            mine.share_data(theirs)

    def copy_from(self, path: str | Path) -> None:
        """Load weights by layer name from a .caffemodel or HDF5 file; its content determines the format.

        Layers that only one side has are skipped. A .caffemodel's diffs are loaded too.

        Raises   CaffeError naming file, layer and both shapes where a layer of the same name does not fit
        """
        if hdf5_weights.is_hdf5(path):
            self.load_hdf5(path)
        else:
            caffemodel_weights.load(path, self._first_layers, self.name)

    def save(self, path: str | Path, with_diff: bool = False) -> None:
        """Write all layers and their weights as a .caffemodel, atomically."""
        caffemodel_weights.save(path, self.name, zip(self.layer_params, self.layers, strict=True), with_diff)

    def save_hdf5(self, path: str | Path, with_diff: bool = False) -> None:
        """Write the weights as HDF5, atomically: /data/<layer>/<index>."""
        hdf5_weights.save(path, self.layer_dict, self.is_shared, with_diff)

    def load_hdf5(self, path: str | Path) -> None:
        """Load weights by layer name from an HDF5 file."""
        hdf5_weights.load(path, self.layer_dict, self.is_shared)

    def _call_back(self, when: str, index: int) -> None:
        for callback in self._callbacks[when]:
            callback(index)


def _log_param(param, kept: Sequence) -> None:
    filtered = type(param)()
    if log.isEnabledFor(logging.INFO):
        filtered.CopyFrom(param)
        filtered.ClearField("layer")
        filtered.layer.extend(kept)
    net_log.write_param("Initializing net from parameters", filtered, "net.cpp")


def _require_old_form(weights: str | Path, phase: int | None, *others: object) -> int:
    """Return the phase of Net(network_file, weights, phase); a net without one would be a TRAIN net with dropout."""
    if phase is None or isinstance(phase, (str, Path)) or any(other is not None for other in others):
        raise TypeError(
            f"Net(network_file, weights): got the weights {str(weights)!r} in place of the phase, expected "
            "caffe.TRAIN or caffe.TEST. Fix: caffe.Net(network_file, caffe.TEST, weights=weights)"
        )
    return phase


def _require_equal_blobs(mine: Layer, theirs: Layer) -> None:
    shapes, other_shapes = ([list(blob.dims) for blob in layer.blobs] for layer in (mine, theirs))
    if shapes != other_shapes:
        raise mine.error(f"has blobs of shapes {shapes}, and {other_shapes} in the net to share weights with")
