"""What a fork computes otherwise than Caffe under the same words.

A net gives no error, and other numbers. `warn` names the lines that make it right; `apply_dialect` writes them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fcn_repro.caffe.crop_offset import find_crop_offset
from fcn_repro.caffe.dialects import warn_once
from fcn_repro.caffe.errors import CaffeError, attach_file

log = logging.getLogger("caffe")

LOSS = "SigmoidCrossEntropyLoss"
BALANCED_LOSS = "ClassBalancedSigmoidCrossEntropyLoss"


@dataclass(frozen=True)
class Dialect:
    """What a fork means by Caffe's words, and by words that two forks share."""

    fork: str  # repository and commit
    aligns_crops: bool = False  # a Crop without offset computes it; Caffe's takes 0
    loss: dict[str, Any] | None = None  # balanced_loss_param of what the fork calls SigmoidCrossEntropyLoss
    bn: dict[str, Any] = field(default_factory=dict)  # bn_param of a BN that has no field of either fork


DIALECTS = {
    "longjon": Dialect("longjon/caffe e031116", aligns_crops=True),
    "hed": Dialect("s9xie/hed 912632b", aligns_crops=True, loss={"others_have_gradient": True}),
    "rcf": Dialect("yun-liu/rcf ce460ff", loss={"negative_weight": 1.1}),
    "deepskeleton": Dialect("zeakey/DeepSkeleton dc70170", aligns_crops=True, loss={"nonzero_is_positive": True}),
    "segnet": Dialect("alexgkendall/caffe-segnet 344c113", bn={"bn_mode": 0}),
    "pspnet": Dialect("hszhao/PSPNet 798bdc9", bn={"frozen": False}),
}


def apply_dialect(net: Any, name: str, source: str) -> None:
    """Write what a fork means into an upgraded NetParameter, in place; `source` names the net in the log and in errors.

    Raises   CaffeError for an unknown dialect; as `find_crop_offset`
    """
    if name not in DIALECTS:
        raise CaffeError(f"dialect: got {name!r}, expected one of {', '.join(DIALECTS)}")
    dialect = DIALECTS[name]
    if dialect.aligns_crops:
        for layer in _crops_without_offset(net):
            with attach_file(source):
                layer.crop_param.offset.extend(find_crop_offset(net, layer))
            log.info("%s: layer %r (Crop): offset %s", source, layer.name, list(layer.crop_param.offset))
    for layer in net.layer:
        if layer.type == LOSS and dialect.loss is not None:
            layer.type = BALANCED_LOSS
            for key, value in dialect.loss.items():
                setattr(layer.balanced_loss_param, key, value)
        if layer.type == "BN" and dialect.bn and not layer.bn_param.ListFields():
            for key, value in dialect.bn.items():
                setattr(layer.bn_param, key, value)


def warn(net: Any, source: str) -> None:
    """Warn of layers of an upgraded net that a fork computes otherwise: misplaced Crops, and losses of edge maps."""
    misplaced = list(_find_misplaced_crops(net))
    for name, top, offset in misplaced:
        warn_once(
            "%s: layer %r (Crop, top %r) has no offset, so Caffe crops from 0, but the coordinates of its bottoms call "
            "for %s; the forks of longjon, HED and DeepSkeleton compute it. Fix: add `crop_param { %s }`, or choose "
            "--dialect longjon",
            *(source, name, top, offset, " ".join(f"offset: {value}" for value in offset)),
        )
    is_edge_net = misplaced or any(layer.type == "ImageLabelmapData" for layer in net.layer)
    for layer in net.layer:
        if layer.type == LOSS and is_edge_net:
            warn_once(
                "%s: layer %r (%s) weighs all pixels alike, as Caffe does; in the forks of HED, RCF and DeepSkeleton "
                "it is class-balanced. Fix: choose --dialect hed, rcf or deepskeleton",
                *(source, layer.name, LOSS),
            )


def _find_misplaced_crops(net: Any) -> Iterator[tuple[str, str, list[int]]]:
    """Yield name and top of each Crop without offset, and the offset that aligns it, if it exists and is not 0."""
    if not any(True for _ in _crops_without_offset(net)):
        return
    whole = type(net)()
    whole.CopyFrom(net)
    for layer in _crops_without_offset(whole):
        try:
            offset = find_crop_offset(whole, layer)
        except CaffeError:
            continue
        layer.crop_param.offset.extend(offset)
        if any(offset):
            yield layer.name, layer.top[0], offset


def _crops_without_offset(net: Any) -> Iterator[Any]:
    for layer in net.layer:
        if layer.type == "Crop" and not layer.crop_param.offset and layer.crop_param.axis == 2:
            yield layer
