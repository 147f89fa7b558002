"""A net's learnable parameters: who owns one, who shares it by name, and how fast it learns.

Source   caffe 9b89154 net.cpp (AppendParam, ShareWeights)
"""

from __future__ import annotations

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.proto import caffe_pb2


class LearnableParam:
    """A parameter blob as the solver sees it: once, however many layers share it."""

    def __init__(self, layer: Layer, index: int, spec) -> None:
        self.layer = layer
        self.blob: Blob = layer.blobs[index]
        self._spec = caffe_pb2.ParamSpec()
        self._spec.CopyFrom(spec)

    @property
    def lr_mult(self) -> float:
        """Factor on the solver's rate; 1 unless given."""
        return self._spec.lr_mult

    @property
    def decay_mult(self) -> float:
        """Factor on the solver's weight decay; 1 unless given."""
        return self._spec.decay_mult

    def join(self, layer: Layer, index: int, spec) -> None:
        """Let another layer's blob share this parameter; multipliers that it gives must not contradict.

        Raises   CaffeError where the shapes (share_mode STRICT) or counts (PERMISSIVE) or multipliers differ.
        """
        blob = layer.blobs[index]
        permissive = spec.share_mode == caffe_pb2.ParamSpec.PERMISSIVE
        if (blob.count != self.blob.count) if permissive else (blob.dims != self.blob.dims):
            raise layer.error(
                f"shares the param {spec.name!r} with layer {self.layer.param.name!r}, but their shapes are "
                f"{list(blob.dims)} and {list(self.blob.dims)}"
            )
        for name in ("lr_mult", "decay_mult"):
            if not spec.HasField(name):
                continue
            if self._spec.HasField(name) and getattr(self._spec, name) != getattr(spec, name):
                raise layer.error(
                    f"gives the shared param {spec.name!r} the {name} {getattr(spec, name):g}; "
                    f"it has {getattr(self._spec, name):g} already"
                )
            setattr(self._spec, name, getattr(spec, name))


class Parameters:
    """All parameter blobs of a net, each owned by the first layer that has it."""

    def __init__(self) -> None:
        self.owners: list[LearnableParam] = []
        self._by_name: dict[str, LearnableParam] = {}
        self._sharers: list[tuple[Blob, Blob]] = []

    def add(self, layer: Layer, specs: list) -> None:
        """Register a layer's blobs, each with its ParamSpec."""
        for index, spec in enumerate(specs):
            owner = self._by_name.get(spec.name) if spec.name else None
            if owner is not None:
                owner.join(layer, index, spec)
                self._sharers.append((layer.blobs[index], owner.blob))
                continue
            param = LearnableParam(layer, index, spec)
            self.owners.append(param)
            if spec.name:
                self._by_name[spec.name] = param

    def share(self) -> None:
        """Point every sharer at its owner's memory."""
        for sharer, owner in self._sharers:
            sharer.share_data(owner)
            sharer.share_diff(owner)

    def is_shared(self, blob: Blob) -> bool:
        """Whether `blob` uses another layer's memory."""
        return any(sharer is blob for sharer, _ in self._sharers)
