"""What one must know of a trained net to use it: a note beside deploy.prototxt.

build/<experiment>/deploy.json   {"reads": ["color"], "mean_bgr": [104.0, 116.7, 122.7], "class_names": [...]}

With deploy.prototxt and final.caffemodel it makes the folder whole: nothing else is needed to label photographs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from fcn_repro.atomic import replacing
from fcn_repro.datasets.base import DataSet
from fcn_repro.errors import DataError


@dataclass(frozen=True)
class Deployment:
    """The note."""

    reads: tuple[str, ...]  # what the net is given: color, and on NYUDv2 depth or hha
    mean_bgr: tuple[float, ...]  # subtracted from pixels of 0-255, B G R
    class_names: tuple[str, ...]  # in the order of the scores

    @classmethod
    def of(cls, data: DataSet) -> Deployment:
        """What is known of the nets of a data set."""
        tops = data.train.params.get("tops", ("color", "label"))
        assert isinstance(tops, (list, tuple))
        return cls(tuple(tops[:-1]), tuple(data.mean_bgr), tuple(data.class_names))


def write(path: Path, deployment: Deployment) -> None:
    """Write the note unless that very note is there."""
    text = json.dumps(asdict(deployment), indent=1) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        with replacing(path) as file:
            file.write(text)


def read(path: Path) -> Deployment:
    """The note in a file.

    Raises   DataError when it is missing or is not such a note
    """
    remedy = f"Write it again: python -m tools.emit {path.parent.name}"
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        mean = tuple(float(value) for value in note["mean_bgr"])
        names = [tuple(str(name) for name in note[field]) for field in ("reads", "class_names")]
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing; expected what goes with deploy.prototxt. {remedy}") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path}: {type(error).__name__}: {error}; expected reads, mean_bgr, class_names. {remedy}"
        ) from error
    return Deployment(names[0], mean, names[1])
