"""ILSVRC's classes and the WordNet concepts above them, from the challenge's development kit.

meta.mat    a struct array `synsets` of MATLAB 5: ILSVRC2012_ID, WNID (as n02084071), words, num_children, children
            (IDs); concepts without children are the 1000 classes
Order       Caffe's classifiers have their outputs in the order of the WNIDs.
Not run     on the real file, which is unavailable here; the tests make a file of the same layout.
Source      ILSVRC 2012 development kit, readme.txt; caffe 9b89154 data/ilsvrc12: synset_words.txt is ordered by WNID
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import numpy as np

from fcn_repro.datasets import mat_file
from fcn_repro.datasets.file_readers import DAMAGED_MAT, read_error
from fcn_repro.errors import DataError


@dataclass(frozen=True)
class Synset:
    """A concept: its ILSVRC ID, WordNet ID, names, and the IDs of its children."""

    id: int
    wnid: str
    words: tuple[str, ...]
    children: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.wnid} ({self.words[0]})"


class Synsets:
    """The hierarchy of concepts in meta.mat; `outputs` maps WNIDs of classes to outputs of a classifier."""

    def __init__(self, synsets: Sequence[Synset]) -> None:
        self.by_id = {synset.id: synset for synset in synsets}
        leaves = sorted(synset.wnid for synset in synsets if not synset.children)
        self.outputs = {wnid: output for output, wnid in enumerate(leaves)}

    def find(self, concept: str) -> Synset:
        """Return the concept with a WNID or a name, ignoring case.

        Raises   DataError for unknown and ambiguous names
        """
        wanted = concept.lower()
        found = [s for s in self.by_id.values() if wanted == s.wnid or wanted in map(str.lower, s.words)]
        if len(found) != 1:
            matches = f" ({', '.join(map(str, found))})" if found else ""
            raise DataError(
                f"got {len(found)} concepts for {concept!r}{matches}; expected one. Use a WNID, as n02084071"
            )
        return found[0]

    def find_outputs(self, synset: Synset) -> list[int]:
        """Return the sorted outputs of a classifier for a concept and all concepts below it."""
        reached, todo = set(), [synset.id]
        while todo:
            synset_id = todo.pop()
            if synset_id not in reached:
                reached.add(synset_id)
                todo += self.by_id[synset_id].children
        wnids = (self.by_id[synset_id].wnid for synset_id in reached)
        return sorted(self.outputs[wnid] for wnid in wnids if wnid in self.outputs)


def read_synsets(path: Path) -> Synsets:
    """Read the development kit's meta.mat.

    Raises   DataError when it is missing, damaged or has another layout
    """
    try:
        table = mat_file.load(path, "synsets", squeeze_me=True)["synsets"]
        synsets = [_synset(row) for row in np.atleast_1d(table)]
    except DAMAGED_MAT as error:
        raise read_error(path, "meta.mat of ILSVRC's development kit, with synsets", error) from error
    known = {synset.id for synset in synsets}
    for synset in synsets:
        unknown = sorted(set(synset.children) - known)
        if unknown:
            raise DataError(f"{path}: {synset}: got the child {unknown[0]}; expected one of the {len(known)} IDs")
    return Synsets(synsets)


def _synset(row: np.void) -> Synset:
    children = np.atleast_1d(row["children"])[: int(row["num_children"])]
    words = tuple(str(row["words"]).split(", "))
    return Synset(int(row["ILSVRC2012_ID"]), str(row["WNID"]), words, tuple(int(child) for child in children))
