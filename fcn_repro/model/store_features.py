"""Compute a fixed trunk's feature maps for every image of a split, once, and store them.

FOLDER/TAP.json holds the digests of the layers below a tap and of their weights, and the precision. If one changes, the
tap's feature maps are renewed. An interrupted run resumes at the first image without files.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np
from google.protobuf import text_format

from fcn_repro.datasets.data_layer import SegDataLayer
from fcn_repro.datasets.stored_features import feature_file
from fcn_repro.engine import caffe
from fcn_repro.model import surgery
from fcn_repro.model.fixed_trunk import cut_trunk
from fcn_repro.model.prototxt import read_net
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.memory import format_bytes
from fcn_repro.system.progress import Progress

STORED = np.float16  # half the disk; a tap's largest values are hundreds, and 65,504 is float16's largest

logger = logging.getLogger(__name__)


def store_features(prototxt: Path, weights: Path, layer: SegDataLayer, taps: Sequence[str], folder: Path) -> None:
    """Store the taps of every item of `layer`, whose images are the input of the net in `prototxt`.

    Raises   DataError if weights or images are missing; OSError if the disk is too small
    """
    split = layer.options["split"]
    net = surgery.load(prototxt, weights)
    for tap in taps:
        _renew_if_changed(folder, tap, _describe(net, cut_trunk(read_net(prototxt), [tap])))
    missing = [item for item in layer.items if not all(feature_file(folder, split, t, item).is_file() for t in taps)]
    with Progress(len(layer.items), f"features of {split}", done=len(layer.items) - len(missing)) as progress:
        for index, item in enumerate(missing):
            _forward(net, layer.load(item)[0])
            features = {tap: net.blobs[tap].data[0].astype(STORED) for tap in taps}
            if index == 0:
                _check_disk(folder, sum(array.nbytes for array in features.values()) * len(missing))
            for tap, array in features.items():
                path = feature_file(folder, split, tap, item)
                path.parent.mkdir(parents=True, exist_ok=True)
                with atomic_write(path, "wb") as file:
                    np.save(file, array, allow_pickle=False)
            progress.advance()


def _forward(net: caffe.Net, image: np.ndarray) -> None:
    data = net.blobs[net.inputs[0]]
    data.reshape(1, *image.shape)
    data.data[...] = image
    net.forward()


def _renew_if_changed(folder: Path, tap: str, note: Mapping[str, str]) -> None:
    """Remove a tap's feature maps if they are of another trunk, and write the note of this one."""
    path = folder / f"{tap}.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) == note:
        return
    for stale in folder.glob(f"*/{tap}"):
        logger.info("%s: the trunk has changed; its feature maps are computed again", stale)
        shutil.rmtree(str(stale))
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        json.dump(note, file, indent=1)


def _describe(net: caffe.Net, trunk: Any) -> dict[str, str]:
    """What determines the feature maps: the layers of `trunk`, their weights in `net`, and the precision."""
    digest = hashlib.sha256()
    for layer in trunk.layer:
        layer.ClearField("param")  # rates of training change no feature map
        for blob in net.params.get(layer.name, ()):
            digest.update(np.ascontiguousarray(blob.data).tobytes())
    layers = hashlib.sha256(text_format.MessageToString(trunk).encode()).hexdigest()
    return {"net": layers, "weights": digest.hexdigest(), "precision": os.environ.get("PRECISION") or "f32"}


def _check_disk(folder: Path, expected: int) -> None:
    free = shutil.disk_usage(str(folder)).free
    if expected > free:
        raise OSError(
            f"{folder}: {format_bytes(free)} free on the disk, expected about {format_bytes(expected)} for the feature "
            "maps. Fix: make room, or let build/features be a link to a larger disk"
        )
