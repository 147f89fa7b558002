"""What one must know of a trained net to use it: a note beside deploy.prototxt.

build/<experiment>/deploy.json   {"reads": ["color"], "mean_bgr": [104.0, 116.7, 122.7], "classes": {"score": [...]}}

With deploy.prototxt and final.caffemodel it makes the folder whole: nothing else is needed to label photographs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Mapping

from fcn_repro.datasets.base import DataSet
from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write


@dataclass(frozen=True)
class Deployment:
    """The note."""

    reads: tuple[str, ...]  # what the net is given: color, and on NYUDv2 depth or hha
    mean_bgr: tuple[float, ...]  # subtracted from pixels of 0-255, B G R
    classes: Mapping[str, tuple[str, ...]]  # of each output of the net, in the order of its scores

    @classmethod
    def of(cls, data: DataSet) -> Deployment:
        """What is known of the nets of a data set."""
        tops = data.train.params.get("tops", ("color", "label"))
        assert isinstance(tops, (list, tuple))
        heads = data.heads
        outputs = {f"score_{label}" if len(heads) > 1 else "score": tuple(names) for label, names in heads.items()}
        return cls(tuple(tops[:-1]), tuple(data.mean_bgr), outputs)


def write(path: Path, deployment: Deployment) -> None:
    """Write the note unless that very note is there."""
    text = json.dumps(asdict(deployment), indent=1) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        with atomic_write(path) as file:
            file.write(text)


def read(path: Path) -> Deployment:
    """The note in a file.

    Raises   DataError when it is missing or is not such a note
    """
    remedy = f"Write it again: python -m tools.emit {path.parent.name}"
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        mean = tuple(float(value) for value in note["mean_bgr"])
        reads = tuple(str(name) for name in note["reads"])
        classes = {str(output): tuple(map(str, names)) for output, names in note["classes"].items()}
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing; expected what goes with deploy.prototxt. {remedy}") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path}: {type(error).__name__}: {error}; expected reads, mean_bgr and classes. {remedy}"
        ) from error
    return Deployment(reads, mean, classes)
