"""What was added, removed and changed between two nets."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence

SAME, ADDED, REMOVED, CHANGED = "same", "added", "removed", "changed"


@dataclass(frozen=True)
class DiffLine:
    """A line of the compared texts: its kind, and its number in the new and the old text; None where it is in one."""

    kind: str
    number: int | None
    old_number: int | None
    text: str


def compare_layers(new: Any, old: Any) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the kind of every layer of the new net, and of every layer of the old net, by name."""
    ours, theirs = ({layer.name: layer for layer in net.layer} for net in (new, old))
    kinds = {
        name: ADDED if name not in theirs else SAME if theirs[name] == layer else CHANGED
        for name, layer in ours.items()
    }
    return kinds, {name: kinds.get(name, REMOVED) for name in theirs}


def compare_texts(new: Sequence[str], old: Sequence[str]) -> Iterator[DiffLine]:
    """Return the lines of both texts in order: removed lines before those that were added in their place."""
    for kind, old_first, old_end, first, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            for offset, line in enumerate(new[first:end]):
                yield DiffLine(SAME, first + offset + 1, old_first + offset + 1, line)
            continue
        for offset, line in enumerate(old[old_first:old_end]):
            yield DiffLine(REMOVED, None, old_first + offset + 1, line)
        for offset, line in enumerate(new[first:end]):
            yield DiffLine(ADDED, first + offset + 1, None, line)
