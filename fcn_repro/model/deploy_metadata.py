"""Deployment metadata: inputs, mean pixel and class names of a net, in a note beside deploy.prototxt.

build/<experiment>/deploy.json   {"reads": ["color"], "mean_bgr": [104.0, 116.7, 122.7], "classes": {"score": [...]}}

With deploy.prototxt and final.caffemodel, the note is all that labelling images needs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Mapping

from fcn_repro.datasets.data_set import DataSet
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.json_note import read_note


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
    note = read_note(path, fields, f"python -m tools.emit {path.parent.name}", DataError)
    classes = {output: tuple(names) for output, names in note["classes"].items()}
    return DeployMetadata(tuple(note["reads"]), tuple(map(float, note["mean_bgr"])), classes)
