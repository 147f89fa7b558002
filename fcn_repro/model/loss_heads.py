"""The heads of a net: what each of its loss layers compares, read from its prototxt.

A segmentation net says there what is to be scored: the loss layer's bottoms are the scores and the truth. SIFT Flow's
nets have two heads, the others one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from fcn_repro.engine import caffe


@dataclass(frozen=True)
class Head:
    """One SoftmaxWithLoss layer; `score`, `label` and `loss` are blob names."""

    score: str  # (N, C, ...) one channel per class, softmax not yet taken
    label: str  # (N, 1, ...) class index, or `ignore_label`
    loss: str  # the layer's top
    ignore_label: int | None
    normalization: str  # what the summed loss was divided by: VALID, FULL, BATCH_SIZE or NONE
    loss_weight: float

    @property
    def summed(self) -> bool:
        """Whether the loss grows with the image, as in the paper's heavy learning."""
        return self.normalization in ("BATCH_SIZE", "NONE")

    def loss_of(self, net: caffe.Net) -> float:
        """The loss of the last forward, weighted as the net adds it up."""
        return self.loss_weight * float(net.blobs[self.loss].data.flat[0])

    def loss_per_pixel(self, net: caffe.Net) -> float:
        """Mean cross entropy, in nats, over the pixels that count in the last forward."""
        label = net.blobs[self.label].data
        counted = label.size if self.ignore_label is None else int((label != self.ignore_label).sum())
        divisor = {"VALID": counted, "FULL": label.size, "BATCH_SIZE": label.shape[0], "NONE": 1}[self.normalization]
        return float(net.blobs[self.loss].data.flat[0]) * max(divisor, 1) / max(counted, 1)

    def classes(self, net: caffe.Net) -> int:
        """How many classes the scores tell apart."""
        return net.blobs[self.score].shape[1]


def heads(prototxt: Path) -> list[Head]:
    """The heads of a net, in the order of its layers.

    Raises   ValueError when the net has none.
    """
    net = text_format.Merge(prototxt.read_text(encoding="utf-8"), caffe.proto.caffe_pb2.NetParameter())
    found = [_head(layer) for layer in net.layer if layer.type == "SoftmaxWithLoss"]
    if not found:
        raise ValueError(f"{prototxt}: no SoftmaxWithLoss layer, so nothing says which blob to score against which")
    return found


def _head(layer: caffe.proto.caffe_pb2.LayerParameter) -> Head:
    param = layer.loss_param
    score, label = layer.bottom
    return Head(
        score=score,
        label=label,
        loss=layer.top[0],
        ignore_label=param.ignore_label if param.HasField("ignore_label") else None,
        normalization=_normalization(param),
        loss_weight=layer.loss_weight[0] if layer.loss_weight else 1.0,
    )


def _normalization(param: caffe.proto.caffe_pb2.LossParameter) -> str:
    """Caffe's rule: `normalize` is older than `normalization` and yields to it (loss_layer.cpp, LayerSetUp)."""
    if param.HasField("normalize") and not param.HasField("normalization"):
        return "VALID" if param.normalize else "BATCH_SIZE"
    return param.NormalizationMode.Name(param.normalization)
