"""The registry of user data sets. Standard library only, so that make can list runs before packages are installed.

build/adopted/NAME/      (folder and file names are settled: older runs refer to them)
    dataset.json         the fields of `UserDataset`
    train.txt, val.txt   image ids, one a line
    labels/              label maps as class indices, converted from another form
    labels.json          what they were converted from: `converted_labels` renews them when that changes
    class_weights.binaryproto   weights of the classes in the loss, if chosen (tools.user_dataset --class-weights)
    init.caffemodel      initial weights of the first run, if chosen (tools.user_dataset --init)
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Mapping, Sequence

from fcn_repro.paths import BUILD

USER_DATASETS = BUILD / "adopted"
NOTE = "dataset.json"
NAME = r"[a-z][a-z0-9_]*(-[a-z0-9_]+)*"  # of a data set
NOTE_BYTES = 1 << 24  # limit


@dataclass(frozen=True)
class LabelForm:
    """How a user's label maps give classes, where they are not class indices with 255 for void."""

    values: tuple[int, ...] = ()  # the label of each class; empty: its index
    void: tuple[int, ...] = ()  # labels of no class; 255 is one unless it is in `values`
    colours: str | tuple[tuple[Any, ...], ...] = ()  # "voc", or (class name or "void", r, g, b)
    tolerance: int = 0  # differences from these labels or colours, as JPEG makes them
    mat_field: str = ""  # the variable, or STRUCT.FIELD, in .mat files
    polygons: bool = False  # outlines in JSON files of labelme or COCO
    resize: bool = False  # scale label maps to the size of their images

    @property
    def is_plain(self) -> bool:
        """Whether label maps are used as they are."""
        return replace(self, values=()) == LabelForm() and self.values == tuple(range(len(self.values)))

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> LabelForm:
        """Return the form in a note.

        Raises   TypeError for fields of wrong types or names
        """
        colours = fields.get("colours", ())
        colours = colours if isinstance(colours, str) else tuple(tuple(row) for row in colours)
        form = cls(**{**fields, "values": tuple(fields["values"]), "void": tuple(fields["void"]), "colours": colours})
        rows = [] if isinstance(colours, str) else colours
        numbers = [*form.values, *form.void, form.tolerance, *(part for row in rows for part in row[1:])]
        if not all(type(number) is int for number in numbers) or {type(form.resize), type(form.polygons)} != {bool}:
            raise TypeError("label form: expected integers")
        if not isinstance(form.mat_field, str) or not all(len(row) == 4 and type(row[0]) is str for row in rows):
            raise TypeError("label form: expected texts")
        return form


@dataclass(frozen=True)
class UserDataset:
    """A registered user data set."""

    name: str
    images: str  # folder
    given_labels: str  # folder, or a COCO file
    class_names: tuple[str, ...]  # in the order of the net's outputs; label maps hold their indices, or 255 for void
    splits: Mapping[str, int]  # number of images per split
    like: str  # the experiment that serves as the model for this data set's experiments
    image_ending: str = ""  # of the images' names, before the suffix
    label_ending: str = ""
    form: LabelForm = field(default_factory=LabelForm)
    class_weights: tuple[float, ...] = ()  # of the classes in the loss; empty: all count alike

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
        """The folder of label maps that were converted from another form."""
        return self.folder / "labels"

    @property
    def conversion(self) -> Path:
        """The note of what the label maps were converted from."""
        return self.folder / "labels.json"

    @property
    def weights_file(self) -> Path:
        """The file of the class weights; it exists if there are any."""
        return self.folder / "class_weights.binaryproto"

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
        note = UserDataset(**{**fields, **_read_tuples(fields)})
        _check(note, name)
        return note
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        remedy = f"Fix: remove it, then run: python -m tools.user_dataset FOLDER --name {name} ..."
        raise ValueError(f"{path}: {error}; expected the note of a user data set. {remedy}") from error


def _read_tuples(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields that JSON holds in another type; notes of older versions lack some."""
    found: dict[str, Any] = {name: tuple(fields.get(name, ())) for name in ("class_names", "class_weights")}
    if "form" in fields:
        found["form"] = LabelForm.from_json(fields["form"])
    return found


def _check(note: UserDataset, folder: str) -> None:
    """Refuse unsafe notes: the name becomes part of paths and of make targets."""
    endings = (note.image_ending, note.label_ending)
    texts = (note.name, note.images, note.given_labels, note.like, *endings, *note.class_names)
    numbers: Sequence[Any] = note.class_weights
    if not all(isinstance(text, str) for text in texts) or not isinstance(note.splits, dict):
        raise TypeError("fields of wrong types")
    if len(numbers) not in (0, len(note.class_names)) or not all(type(n) is float and 0 <= n < 1e9 for n in numbers):
        raise ValueError(f"got the class weights {list(numbers)}")
    if note.name != folder or not re.fullmatch(NAME, note.name):
        raise ValueError(f"got the name {note.name!r} in the folder {folder}")
    if set(note.splits) != {"train", "val"} or not all(type(n) is int and n > 0 for n in note.splits.values()):
        raise ValueError(f"got the splits {note.splits}")
