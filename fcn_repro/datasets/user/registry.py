"""The registry of user data sets. Standard library only, so that make can list runs before packages are installed.

build/adopted/NAME/      (folder and file names are settled: older runs refer to them)
    dataset.json         the fields of `UserDataset`
    train.txt, val.txt   image ids, one a line
    labels/              label maps as class indices, converted from colours (tools.validate_data --convert)
    init.caffemodel      initial weights of the first run, if chosen (tools.user_dataset --init)
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Mapping

from fcn_repro.paths import BUILD

USER_DATASETS = BUILD / "adopted"
NOTE = "dataset.json"
NAME = r"[a-z][a-z0-9_]*(-[a-z0-9_]+)*"  # of a data set
NOTE_BYTES = 1 << 24  # limit


@dataclass(frozen=True)
class UserDataset:
    """A registered user data set."""

    name: str
    images: str  # folder
    given_labels: str  # folder
    class_names: tuple[str, ...]  # in the order of the net's outputs; label maps hold their indices, or 255 for void
    splits: Mapping[str, int]  # number of images per split
    like: str  # the experiment that serves as the model for this data set's experiments

    @property
    def folder(self) -> Path:
        """The folder of the note and its companions."""
        return USER_DATASETS / self.name

    @property
    def labels(self) -> Path:
        """The folder of the label maps for training: the converted ones if they exist."""
        return self.converted_labels if self.converted_labels.is_dir() else Path(self.given_labels)

    @property
    def converted_labels(self) -> Path:
        """The folder of label maps that were converted from colours."""
        return self.folder / "labels"

    @property
    def init(self) -> Path:
        """The file of the chosen initial weights; it may not exist."""
        return self.folder / "init.caffemodel"

    def list_file(self, split: str) -> Path:
        """The list of a split's image ids."""
        return self.folder / f"{split}.txt"

    def to_json(self) -> str:
        """The text of the note."""
        return json.dumps(asdict(self), indent=1) + "\n"


def list_user_datasets() -> list[UserDataset]:
    """Read the notes of all user data sets, sorted by name.

    Raises   ValueError for a damaged note
    """
    return [read_user_dataset(path.parent.name) for path in sorted(USER_DATASETS.glob(f"*/{NOTE}"))]


def is_registered(name: str) -> bool:
    """Whether a user data set has this name."""
    return re.fullmatch(NAME, name) is not None and (USER_DATASETS / name / NOTE).is_file()


def read_user_dataset(name: str) -> UserDataset:
    """Read the note of a user data set.

    Raises   ValueError when it is missing, damaged or unsafe
    """
    path = USER_DATASETS / name / NOTE
    try:
        if path.stat().st_size > NOTE_BYTES:
            raise ValueError(f"{path.stat().st_size} bytes")
        fields = json.loads(path.read_text(encoding="utf-8"))
        note = UserDataset(**{**fields, "class_names": tuple(fields["class_names"])})
        _check(note, name)
        return note
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        remedy = f"Fix: remove it, then run: python -m tools.user_dataset FOLDER --name {name} ..."
        raise ValueError(f"{path}: {error}; expected the note of a user data set. {remedy}") from error


def _check(note: UserDataset, folder: str) -> None:
    """Refuse unsafe notes: the name becomes part of paths and of make targets."""
    texts = (note.name, note.images, note.given_labels, note.like, *note.class_names)
    if not all(isinstance(text, str) for text in texts) or not isinstance(note.splits, dict):
        raise TypeError("fields of wrong types")
    if note.name != folder or not re.fullmatch(NAME, note.name):
        raise ValueError(f"got the name {note.name!r} in the folder {folder}")
    if set(note.splits) != {"train", "val"} or not all(type(n) is int and n > 0 for n in note.splits.values()):
        raise ValueError(f"got the splits {note.splits}")
