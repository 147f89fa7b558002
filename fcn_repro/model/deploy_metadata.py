"""Deployment metadata: inputs, mean pixel and class names of a net, in a note beside deploy.prototxt.

build/<experiment>/deploy.json   {"reads": ["color"], "mean_bgr": [104.0, 116.7, 122.7], "classes": {"score": [...]}}

With deploy.prototxt and final.caffemodel, the note is all that labelling images needs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Mapping

from fcn_repro.datasets.data_set import DataSet
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.json_note import read_note

EXAMPLE = '{"reads": ["color"], "mean_bgr": [104, 117, 123], "classes": {"score": ["background", "cow"]}}'
CHANNELS = {"color": 3, "hha": 3, "depth": 1}  # of inputs


@dataclass(frozen=True)
class DeployMetadata:
    """The fields of deploy.json."""

    reads: tuple[str, ...]  # the net's inputs: color, and for NYUDv2 depth or hha
    mean_bgr: tuple[float, ...]  # subtracted from pixels of 0-255, B G R
    classes: Mapping[str, tuple[str, ...]]  # of each output blob, in the order of its channels

    @classmethod
    def from_data_set(cls, data: DataSet) -> DeployMetadata:
        """Return the metadata of the nets of a data set."""
        tops = data.train.params.get("tops", ("color", "label"))
        assert isinstance(tops, (list, tuple))
        heads = data.heads
        outputs = {f"score_{label}" if len(heads) > 1 else "score": tuple(names) for label, names in heads.items()}
        return cls(tuple(tops[:-1]), tuple(data.mean_bgr), outputs)


def write(path: Path, metadata: DeployMetadata) -> None:
    """Write the note, unless the file holds it already."""
    text = json.dumps(asdict(metadata), indent=1) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        with atomic_write(path) as file:
            file.write(text)


def read(path: Path) -> DeployMetadata:
    """Read the note.

    Raises   DataError if it is missing or invalid
    """
    fields = {"reads": [str], "mean_bgr": [float], "classes": {str: [str]}}
    if not path.exists():
        raise DataError(
            f"{path}: missing; expected three fields: `reads`, the net's inputs; `mean_bgr`, the mean that is "
            "subtracted from pixels; `classes`, the class names of each output blob, in the order of its channels. "
            f"Example: {EXAMPLE}. Fix: write it, or for an experiment: python -m tools.emit {path.parent.name}"
        )
    note = read_note(path, fields, f"python -m tools.emit {path.parent.name}", DataError)
    classes = {output: tuple(names) for output, names in note["classes"].items()}
    return DeployMetadata(tuple(note["reads"]), tuple(map(float, note["mean_bgr"])), classes)


def check_net(net: Any, metadata: DeployMetadata, path: Path) -> None:
    """Compare a net with its note, before anything is computed.

    The net has one input for each of `reads`, with its channels, and every output of `classes` is a blob with a channel
    for each name, as large as the input.

    Parameters
        net    a deploy net of the engine
        path   of the note, for errors

    Raises   DataError naming what differs
    """
    inputs = list(net.inputs)
    shapes = {name: tuple(net.blobs[name].data.shape) for name in net.blobs}
    if len(inputs) != len(metadata.reads):
        raise DataError(
            f"{path}: reads: got {', '.join(metadata.reads)} for a net with the inputs {', '.join(inputs) or 'none'}; "
            "expected one of `reads` for each input of deploy.prototxt"
        )
    for name, kind in zip(inputs, metadata.reads):
        shape, channels = shapes[name], CHANNELS.get(kind)
        if len(shape) != 4 or channels not in (None, shape[1]):
            raise DataError(
                f"{path}: reads: got {kind} for the input {name} of shape {list(shape)}; expected (1, {channels}, H, "
                "W) in deploy.prototxt"
            )
    size = shapes[inputs[0]][2:]
    for name, class_names in metadata.classes.items():
        if name not in shapes:
            raise DataError(
                f"{path}: classes: got the output {name!r}; expected a blob of deploy.prototxt, which has the outputs "
                f"{', '.join(net.outputs)}"
            )
        shape = shapes[name]
        if len(shape) != 4 or shape[1] != len(class_names):
            raise DataError(
                f"{path}: classes: got {len(class_names)} names for the output {name} of shape {list(shape)}; expected "
                "a blob (1, C, H, W) of scores with one name for each of its C channels"
            )
        if shape[2:] != size:
            raise DataError(
                f"{path}: classes: got the output {name} of {shape[2]} x {shape[3]} cells for an input of {size[0]} x "
                f"{size[1]} pixels; expected scores of the input's size. Fix: end deploy.prototxt with a Deconvolution "
                "or Interp, and a Crop to the input"
            )
