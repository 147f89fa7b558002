"""Where weights come from, if not from the reference's own caffemodels: a note beside the file.

The note WEIGHTS.origin.json names the file by its digest, so a replaced caffemodel loses it. Weights that are made or
trained from others inherit their notes, and every score.json repeats them.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Iterable, Sequence

from fcn_repro.errors import DataError
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.json_note import read_note

FIELDS = {"sha256": str, "source": str, "trained_elsewhere": bool, "differs": [str]}
BLOCK_BYTES = 1 << 20
ELSEWHERE = "TRAINED ELSEWHERE: "

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """The origin of weights.

    source              the file and its format
    trained_elsewhere   whether another program trained them, so that the paper's numbers cannot follow
    differs             what differs from the reference's weights; empty for a lossless copy
    """

    source: str
    trained_elsewhere: bool
    differs: Sequence[str]

    def __str__(self) -> str:
        mark = ELSEWHERE if self.trained_elsewhere else "imported: "
        return mark + "; ".join([self.source, *self.differs])


def write_origin(weights: Path, origin: Origin) -> None:
    """Write the note of a finished file of weights."""
    with atomic_write(_note_of(weights)) as file:
        json.dump({"sha256": sha256(weights), **asdict(origin)}, file, indent=1)


def read_origin(weights: Path, digest: str = "") -> Origin | None:
    """Return the origin of a file of weights; None without a note, or with one about another content.

    `digest` is the file's SHA-256, if the caller knows it.

    Raises   DataError for a damaged note
    """
    note_path = _note_of(weights)
    if not note_path.is_file() or not weights.is_file():
        return None
    note = read_note(note_path, FIELDS, f"remove it, and import {weights.name} again", DataError)
    if note["sha256"] != (digest or sha256(weights)):
        log.warning("%s: is about another file than %s; ignoring it", note_path, weights)
        return None
    return Origin(note["source"], note["trained_elsewhere"], note["differs"])


def inherit_origin(weights: Path, sources: Iterable[Path]) -> None:
    """Write the note of weights that were made from others, or remove an outdated one."""
    origins = [origin for origin in map(read_origin, sources) if origin]
    if origins:
        differs = [text for origin in origins for text in origin.differs]
        source = " and ".join(origin.source for origin in origins)
        write_origin(weights, Origin(source, any(each.trained_elsewhere for each in origins), differs))
    else:
        _note_of(weights).unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(BLOCK_BYTES), b""):
            digest.update(block)
    return digest.hexdigest()


def _note_of(weights: Path) -> Path:
    return weights.with_name(f"{weights.name}.origin.json")
