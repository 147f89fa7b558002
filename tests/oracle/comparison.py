"""How far two sets of arrays are apart, and a record of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from tests.oracle.oracle import Arrays


@dataclass
class Entry:
    """What was found about one subject."""

    cases: int = 0
    worst: float = 0.0
    limit: float = 0.0


class Record:
    """The worst difference of every subject, by chapter: what docs/fidelity.md is written from."""

    def __init__(self) -> None:
        self.oracle = ""
        self.chapters: defaultdict[str, defaultdict[str, Entry]] = defaultdict(lambda: defaultdict(Entry))

    def check(self, chapter: str, subject: str, ours: Arrays, theirs: Arrays, limit: float) -> None:
        """Note the worst difference, and fail where it exceeds the limit."""
        worst, where = worst_difference(ours, theirs)
        entry = self.chapters[chapter][subject]
        entry.cases += 1
        entry.worst = max(entry.worst, worst)
        entry.limit = max(entry.limit, limit)
        assert worst <= limit, (
            f"{subject}: {where} is off by {worst:.3g} of its largest magnitude; the limit is {limit:g}"
        )


def worst_difference(ours: Arrays, theirs: Arrays) -> tuple[float, str]:
    """The largest difference relative to the largest magnitude of its array, and the array's name.

    Arrays of text must be equal. NaN and infinities must be at the same places.
    """
    assert sorted(ours) == sorted(theirs), f"ours has {sorted(ours)}, Caffe {sorted(theirs)}"
    found = {name: _difference(name, ours[name], theirs[name]) for name in ours}
    where = max(found, key=found.__getitem__)
    return found[where], where


def _difference(name: str, ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape, f"{name} has the shape {ours.shape}, in Caffe {theirs.shape}"
    if ours.dtype.kind == "U" or theirs.dtype.kind == "U":
        assert ours.tolist() == theirs.tolist(), f"{name} is {ours.tolist()}, in Caffe {theirs.tolist()}"
        return 0.0
    if not ours.size:
        return 0.0
    finite = np.isfinite(theirs)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    assert same[~finite].all() and np.isfinite(ours[finite]).all(), (
        f"{name}: NaN or infinity at other places than Caffe's"
    )
    if same.all():
        return 0.0
    apart = np.abs(ours[finite].astype(np.float64) - theirs[finite])
    return float(apart.max() / max(np.abs(theirs[finite]).max(), np.finfo(np.float32).tiny))
