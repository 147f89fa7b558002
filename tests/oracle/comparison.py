"""Compare two sets of arrays, and record the worst difference of each subject."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.oracle.oracle import Arrays, Case

Compare = Callable[[str, str, Case, float], None]  # chapter, subject, case, limit: the fixture `compare`


@dataclass
class Entry:
    """The result of one subject."""

    cases: int = 0
    worst: float = 0.0
    limit: float = 0.0


class Record:
    """The worst difference of every subject, by chapter: the contents of docs/fidelity.md."""

    def __init__(self) -> None:
        self.oracle = ""
        self.chapters: defaultdict[str, defaultdict[str, Entry]] = defaultdict(lambda: defaultdict(Entry))

    def check(self, chapter: str, subject: str, ours: Arrays, theirs: Arrays, limit: float) -> None:
        """Record the worst difference, and fail if it exceeds the limit."""
        worst, where = worst_difference(ours, theirs)
        entry = self.chapters[chapter][subject]
        entry.cases += 1
        entry.worst = max(entry.worst, worst)
        entry.limit = max(entry.limit, limit)
        assert worst <= limit, f"{subject}: {where} differs by {worst:.3g} of its largest magnitude; limit {limit:g}"


def worst_difference(ours: Arrays, theirs: Arrays) -> tuple[float, str]:
    """The largest difference relative to the largest magnitude of its array, and the name of that array.

    Arrays of text must be equal. NaN and infinities must be in the same places.
    """
    assert sorted(ours) == sorted(theirs), f"ours has {sorted(ours)}, Caffe {sorted(theirs)}"
    found = {name: _difference(name, ours[name], theirs[name]) for name in ours}
    where = max(found, key=found.__getitem__)
    return found[where], where


def _difference(name: str, ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape, f"{name}: got shape {ours.shape}, Caffe has {theirs.shape}"
    if ours.dtype.kind == "U" or theirs.dtype.kind == "U":
        assert ours.tolist() == theirs.tolist(), f"{name}: got {ours.tolist()}, Caffe has {theirs.tolist()}"
        return 0.0
    finite = np.isfinite(theirs)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    assert same[~finite].all() and np.isfinite(ours[finite]).all(), f"{name}: NaN or infinity in other places"
    if same.all():
        return 0.0
    differences = np.abs(ours[finite].astype(np.float64) - theirs[finite])
    return float(differences.max() / max(np.abs(theirs[finite]).max(), np.finfo(np.float32).tiny))
