"""A net's learnable parameters: owners, sharers by name, and multipliers.

Source   caffe 9b89154 net.cpp (AppendParam, ShareWeights)
"""

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.net import net_log
from fcn_repro.caffe.proto import caffe_pb2


class LearnableParam:
    """A parameter blob for the solver: one object, however many layers share the blob."""

    def __init__(self, layer: Layer, index: int, spec) -> None:
        self.layer = layer
        self._index = index
        self.blob: Blob = layer.blobs[index]
        self._spec = caffe_pb2.ParamSpec()
        self._spec.CopyFrom(spec)

    @property
    def lr_mult(self) -> float:
        """Factor on the solver's rate, by default 1."""
        return self._spec.lr_mult

    @property
    def decay_mult(self) -> float:
        """Factor on the solver's weight decay, by default 1."""
        return self._spec.decay_mult

    def add_sharer(self, layer: Layer, index: int, spec) -> None:
        """Let another layer's blob share this parameter, and adopt multipliers that only its ParamSpec sets.

        Raises   CaffeError where the shapes (share_mode STRICT) or counts (PERMISSIVE) or multipliers differ
        """
        net_log.write(
            "Sharing parameters '%s' owned by layer '%s', param index %d", spec.name, self.layer.param.name, self._index
        )
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
                    f"sets {name} {getattr(spec, name):g} of the shared param {spec.name!r}; "
                    f"an earlier layer sets {getattr(self._spec, name):g}"
                )
            setattr(self._spec, name, getattr(spec, name))


class Parameters:
    """All parameter blobs of a net; the first layer with a blob owns it."""

    def __init__(self) -> None:
        self.owners: list[LearnableParam] = []
        self._by_name: dict[str, LearnableParam] = {}
        self._sharers: list[tuple[Blob, Blob]] = []

    def add(self, layer: Layer, specs: list) -> None:
        """Register a layer's blobs, each with its ParamSpec."""
        for index, spec in enumerate(specs):
            owner = self._by_name.get(spec.name) if spec.name else None
            if owner is not None:
                owner.add_sharer(layer, index, spec)
                self._sharers.append((layer.blobs[index], owner.blob))
                continue
            param = LearnableParam(layer, index, spec)
            self.owners.append(param)
            if spec.name:
                self._by_name[spec.name] = param

    def share_memory(self) -> None:
        """Let every sharer use its owner's memory."""
        for sharer, owner in self._sharers:
            sharer.share_data(owner)
            sharer.share_diff(owner)

    def is_shared(self, blob: Blob) -> bool:
        """Return whether `blob` uses another layer's memory."""
        return any(sharer is blob for sharer, _ in self._sharers)
