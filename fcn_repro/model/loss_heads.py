"""The heads of a net: what each of its loss layers compares, read from the prototxt.

The bottoms of a loss layer are the scores and the truth, so a prototxt says what to evaluate. SIFT Flow's nets have two
heads, the others one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fcn_repro.engine import caffe
from fcn_repro.layer_params.loss_normalization import is_summed, read_normalization
from fcn_repro.model.prototxt import read_net

LOSSES = ("SoftmaxWithLoss", "InfogainLoss")  # cross entropy, and the same with weights of classes


@dataclass(frozen=True)
class Head:
    """One loss layer of LOSSES; `score`, `label` and `loss` are blob names."""

    score: str  # (N, C, ...) one channel per class, before the softmax
    label: str  # (N, 1, ...) class index, or `ignore_label`
    loss: str  # the layer's top
    ignore_label: int | None
    normalization: str  # the divisor of the summed loss: VALID, FULL, BATCH_SIZE or NONE
    loss_weight: float

    @property
    def is_sum(self) -> bool:
        """Whether the loss grows with the image's size, as in the paper's heavy learning."""
        return is_summed(self.normalization)

    def loss_of(self, net: caffe.Net) -> float:
        """Return the last forward pass's loss, weighted as in the net's total."""
        return self.loss_weight * float(net.blobs[self.loss].data.flat[0])

    def loss_per_pixel(self, net: caffe.Net) -> float:
        """Return the mean cross entropy, in nats, over the pixels of the last forward pass that count.

        With class weights, each pixel's term has the weight of its class.
        """
        label = net.blobs[self.label].data
        counted = label.size if self.ignore_label is None else int((label != self.ignore_label).sum())
        divisor = {"VALID": counted, "FULL": label.size, "BATCH_SIZE": label.shape[0], "NONE": 1}[self.normalization]
        return float(net.blobs[self.loss].data.flat[0]) * max(divisor, 1) / max(counted, 1)

    def classes(self, net: caffe.Net) -> int:
        """Return the number of classes."""
        return net.blobs[self.score].shape[1]


def read_heads(prototxt: Path) -> list[Head]:
    """Read the heads of a net, in the order of its layers.

    Raises   ValueError if the net has none
    """
    heads = [_make_head(layer) for layer in read_net(prototxt).layer if layer.type in LOSSES]
    if not heads:
        raise ValueError(f"{prototxt}: no SoftmaxWithLoss layer; expected one, which names the scores and the truth")
    return heads


def _make_head(layer: caffe.proto.caffe_pb2.LayerParameter) -> Head:
    param = layer.loss_param
    score, label = layer.bottom[:2]
    return Head(
        score=score,
        label=label,
        loss=layer.top[0],
        ignore_label=param.ignore_label if param.HasField("ignore_label") else None,
        normalization=read_normalization(layer),
        loss_weight=layer.loss_weight[0] if layer.loss_weight else 1.0,
    )
