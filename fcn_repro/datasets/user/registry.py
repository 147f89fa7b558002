"""Data sets that people bring along: what is noted of each, for whoever lists data sets and runs.

build/adopted/NAME/
    dataset.json         the note: the fields of `Adoption`
    train.txt, val.txt   ids of images, one a line
    labels/              label maps as class indices, where those given are in colours (tools.check --convert)
    init.caffemodel      what its first run starts from, where that was chosen (tools.adopt --init)
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Mapping

from fcn_repro.model.run_folder import BUILD

ADOPTED = BUILD / "adopted"
NOTE = "dataset.json"
NAME = r"[a-z][a-z0-9_]*(-[a-z0-9_]+)*"  # of a data set
LARGEST_NOTE = 1 << 24  # bytes


@dataclass(frozen=True)
class Adoption:
    """An adopted data set."""

    name: str
    images: str  # folder
    given_labels: str  # folder
    class_names: tuple[str, ...]  # in the order of the net's outputs; a label map holds their indices, and 255 for void
    splits: Mapping[str, int]  # images in each
    like: str  # the experiment of the table that its own are modelled on

    @property
    def folder(self) -> Path:
        """Where the note lies, and what is made beside it."""
        return ADOPTED / self.name

    @property
    def labels(self) -> Path:
        """The folder of label maps that nets learn from: the converted ones, if there are any."""
        return self.converted_labels if self.converted_labels.is_dir() else Path(self.given_labels)

    @property
    def converted_labels(self) -> Path:
        """Where label maps go that were given in colours."""
        return self.folder / "labels"

    @property
    def init(self) -> Path:
        """The weights that were chosen to start from, if any were."""
        return self.folder / "init.caffemodel"

    def list_file(self, split: str) -> Path:
        """The list of a split's images."""
        return self.folder / f"{split}.txt"

    def to_json(self) -> str:
        """What is noted."""
        return json.dumps(asdict(self), indent=1) + "\n"


def _check(note: Adoption, folder: str) -> None:
    """Refuse a note that somebody else wrote to more ends than this: its name becomes folders, and targets of make."""
    texts = (note.name, note.images, note.given_labels, note.like, *note.class_names)
    if not all(isinstance(text, str) for text in texts) or not isinstance(note.splits, dict):
        raise TypeError("fields of other types")
    if note.name != folder or not re.fullmatch(NAME, note.name):
        raise ValueError(f"the name {note.name!r} in the folder {folder}")
    if set(note.splits) != {"train", "val"} or not all(type(n) is int and n > 0 for n in note.splits.values()):
        raise ValueError(f"splits {note.splits}")


def adoptions() -> list[Adoption]:
    """All that were adopted, by name."""
    return [read(path.parent.name) for path in sorted(ADOPTED.glob(f"*/{NOTE}"))]


def read(name: str) -> Adoption:
    """The note of one data set.

    Raises   ValueError when there is none, or it is not as it was written
    """
    path = ADOPTED / name / NOTE
    try:
        if path.stat().st_size > LARGEST_NOTE:
            raise ValueError(f"{path.stat().st_size} bytes")
        fields = json.loads(path.read_text(encoding="utf-8"))
        note = Adoption(**{**fields, "class_names": tuple(fields["class_names"])})
        _check(note, name)
        return note
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        again = f"python -m tools.adopt FOLDER --name {name} ..."
        raise ValueError(
            f"{path}: {error}; expected the note of a data set. Remove it and adopt again: {again}"
        ) from error
