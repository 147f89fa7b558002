"""Lists of classes: this project's own, and those of other programs.

One name a line     the classes in the order of their labels from 0; lines that start with # are comments
Numbered            "0 background", "1: cat": the numbers are the labels
labelme             labels.txt, whose first line, __ignore__, is void
cvat                labelmap.txt: name:r,g,b:parts:actions
CSV                 columns name and r, g, b or id, in any order and case, by comma, semicolon or tab; also name,r,g,b
                    without the line of titles
CamVid              "64 128 64 Animal"

A line called "void" is no class: its number is void. A form that is not recognised is refused, because a title or a
comment taken for a class shifts all names by one.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, NamedTuple, Sequence

from fcn_repro.datasets.data_set import VOID
from fcn_repro.datasets.file_readers import split_lines
from fcn_repro.errors import DataError

MAX_CLASSES = VOID  # label maps have 8 bits, and the last value is void
VOID_NAME, IGNORE, BACKGROUND = "void", "__ignore__", "_background_"  # the latter two are labelme's
TITLES = {
    "name": ("name", "class_name", "classname", "class", "label", "category"),
    "r": ("r", "red"),
    "g": ("g", "green"),
    "b": ("b", "blue"),
    "value": ("id", "idx", "index", "value", "number"),
}
CHANNELS = ("r", "g", "b")
# Forms of a line without titles, most specific first.
CVAT = re.compile(r"(?P<name>[^:]+):((?P<r>\d+),(?P<g>\d+),(?P<b>\d+))?:[^:]*:[^:]*")
BARE_CSV = re.compile(r"(?P<name>.+?)\s*(?P<d>[,;\t])\s*(?P<r>\d+)\s*(?P=d)\s*(?P<g>\d+)\s*(?P=d)\s*(?P<b>\d+)")
CAMVID = re.compile(r"(?P<r>\d+)\s+(?P<g>\d+)\s+(?P<b>\d+)\s+(?P<name>\S.*)")
NUMBERED = re.compile(r"(?P<value>\d+)\s*[\s:,;.]\s*(?P<name>(?=.*[^\W\d_])\S.*)")
STRANGE = re.compile(r"""[{}\[\]<>="\t]|[:,;]\s*\d+$|[:,;]$|^-\s""")  # JSON, YAML, XML, tables
LONE_TITLES = {"name", "names", "class", "classes", "class_name", "class names", "label", "labels", "category"}

Colour = tuple  # three integers, R G B


class Row(NamedTuple):
    """A line of a list."""

    line: int  # from 1
    text: str
    name: str
    colour: Colour | None
    value: int | None  # the label, where the list gives numbers


@dataclass(frozen=True)
class ClassList:
    """The classes of a list.

    names     in the order of a net's outputs
    values    the label of each class in the label maps; empty: 0, 1, ...
    void      labels of no class
    colours   by name, also of "void"; empty if the list has none
    """

    names: tuple[str, ...]
    values: tuple[int, ...]
    void: tuple[int, ...]
    colours: Mapping[str, Sequence[Colour]]


def read_classes(path: Path) -> ClassList:
    """Read a list of classes in any of the forms above.

    Raises   DataError for another form, fewer than 2 or more than 255 names, and duplicates
    """
    rows = read_rows(path)
    if rows[0].name == IGNORE:
        rows = rows[1:]  # labelme counts from the next line
    has_colours = any(row.colour for row in rows)
    is_repeated = len({row.name for row in rows}) < len(rows)
    if is_repeated and not has_colours:
        names = [row.name for row in rows]
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: got {twice!r} twice; expected every class once")
    # The number of a line is its label, unless a class has several colours and so several lines.
    labels = {row.name: i if row.value is None else row.value for i, row in enumerate(rows)}
    ignored = {name: label for name, label in labels.items() if name in (VOID_NAME, IGNORE)}
    classes = tuple(name for name in labels if name not in ignored)
    if not 2 <= len(classes) <= MAX_CLASSES:
        raise DataError(f"{path}: got {len(classes)} classes; expected 2 to {MAX_CLASSES}, including background")
    values = tuple(labels[name] for name in classes)
    if is_repeated or values == tuple(range(len(classes))):
        values = ()
    return ClassList(classes, values, () if is_repeated else tuple(ignored.values()), _collect_colours(rows))


def read_rows(path: Path) -> list[Row]:
    """Read the lines of a list, whatever its form.

    Raises   DataError for an empty file, an unknown form, and colours outside 0-255
    """
    lines = [(number, text) for number, text in split_lines(path, "list of classes") if not text.startswith("#")]
    filled = [(number, text) for number, text in lines if text]
    if not filled:
        raise DataError(f"{path}: empty; expected a list of classes, one a line")
    titles = _read_titles(filled[0][1])
    if titles:
        return _read_csv(path, filled, *titles)
    for form in (CVAT, BARE_CSV, CAMVID, NUMBERED):
        found = [form.fullmatch(text) for _, text in filled]
        if all(found):
            rows = [_make_row(path, *line, match.groupdict()) for line, match in zip(filled, found) if match]
            _check_numbers(path, rows)
            return rows
        if len(found) > 2 and all(found[1:]):
            line = filled[0][0]
            raise DataError(f"{path}, line {line}: got {filled[0][1]!r}, unlike all other lines; expected no titles")
    _check_plain(path, filled)
    return [_make_row(path, *line, {"name": line[1]}) for line in filled]


def _read_titles(text: str) -> tuple[str, list[str]] | None:
    """Return the delimiter and the columns of a line of titles: keys of TITLES, or "" for other columns."""
    for delimiter in ",;\t":
        cells = [cell.strip().strip('"').lower() for cell in text.split(delimiter)]
        columns = [next((key for key, known in TITLES.items() if cell in known), "") for cell in cells]
        if columns.count("name") > 1 and "name" in cells:  # as in "label,name": the other one holds numbers
            columns = ["value" if key == "name" != cell else key for key, cell in zip(columns, cells)]
        if "name" in columns and len(columns) > 1 and {"r", "value"} & set(columns):
            return delimiter, columns
    return None


def _read_csv(path: Path, lines: Sequence[tuple[int, str]], delimiter: str, columns: Sequence[str]) -> list[Row]:
    titles = [title.strip() for title in lines[0][1].split(delimiter)]
    expected = ["name", *CHANNELS] if "r" in columns else ["name", "value"]
    rows = []
    for number, text in lines[1:]:
        try:
            cells = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))
        except csv.Error as error:
            raise DataError(f"{path}, line {number}: {error}; expected {', '.join(expected)}") from error
        if len(cells) != len(columns) or not set(expected) <= set(columns):
            got = ", ".join(titles) + (f" and {len(cells)} values" if len(cells) != len(columns) else "")
            raise DataError(f"{path}, line {number}: got the columns {got}; expected {', '.join(expected)}")
        fields = {key: cell.strip() for key, cell in zip(columns, cells) if key}
        rows.append(_make_row(path, number, text, fields))
    if not rows:
        raise DataError(f"{path}: got titles alone; expected a line for each class: {', '.join(expected)}")
    return rows


def _make_row(path: Path, number: int, text: str, fields: Mapping[str, str | None]) -> Row:
    name = str(fields["name"]).strip()
    name = "background" if name == BACKGROUND else name.lower() if name.lower() in (VOID_NAME, IGNORE) else name
    parts = [fields.get(channel) for channel in CHANNELS]
    numbers = [int(part) if part and part.isdecimal() and len(part) < 6 else -1 for part in parts]
    if any(parts) and not all(0 <= part <= 255 for part in numbers):
        raise DataError(f"{path}, line {number}: got {text}; expected a name, and three numbers in 0-255")
    value = fields.get("value")
    if value is not None and not (value.isdecimal() and len(value) < 6):
        raise DataError(f"{path}, line {number}: got {text}; expected a name and its label, a number")
    return Row(number, text, name, tuple(numbers) if any(parts) else None, None if value is None else int(value))


def _check_numbers(path: Path, rows: Sequence[Row]) -> None:
    """Refuse numbers that may be a part of the names."""
    values = [row.value for row in rows]
    if values[0] is not None and values not in (list(range(len(rows))), list(range(1, len(rows) + 1))):
        raise DataError(
            f"{path}: got lines with the numbers {', '.join(map(str, values[:6]))} ...; expected 0, 1, 2 ... or a CSV "
            "with the columns id,name"
        )


def _check_plain(path: Path, lines: Sequence[tuple[int, str]]) -> None:
    for number, text in lines:
        if STRANGE.search(text):
            expected = "one name a line, or a CSV with the columns name,r,g,b"
            raise DataError(f"{path}, line {number}: got {text!r}, which looks like no class name; expected {expected}")
    first = lines[0][1]
    if first.lower() in LONE_TITLES:
        raise DataError(f"{path}: got {first!r} as class 0, which looks like a column's title. Fix: remove that line")
    names = [text for _, text in lines]
    if IGNORE in names[1:] and names[0] != IGNORE:
        raise DataError(f"{path}: got {IGNORE} below other classes; expected it in the first line, as labelme has it")


def _collect_colours(rows: Sequence[Row]) -> Mapping[str, Sequence[Colour]]:
    found: dict[str, list[Colour]] = {}
    for row in rows:
        if row.colour:
            found.setdefault(VOID_NAME if row.name == IGNORE else row.name, []).append(row.colour)
    return found
