"""The files of snapshots: which are complete, intact, scored, and which are kept.

A snapshot consists of Caffe's two files and of ours, train_iter_N.run.json (see `fcn_repro.training.checkpoint`), which
holds the sizes and digests of the other two, and its own. So a snapshot that was truncated or damaged is detected.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any, Mapping

from fcn_repro.evaluation.score_report import headline, read_report, sha256
from fcn_repro.model.run_folder import RunFolder, Snapshot
from fcn_repro.system.atomic_write import atomic_write

KEPT = 2  # of the newest snapshots

logger = logging.getLogger(__name__)


def write_state(snapshot: Snapshot, state: Mapping[str, Any]) -> None:
    """Write run.json: `state`, with the sizes and digests of Caffe's two files."""
    files = (snapshot.weights, snapshot.history)
    state = {
        **state,
        "bytes": [path.stat().st_size for path in files],
        "sha256": [sha256(path) for path in files],
    }
    with atomic_write(snapshot.resume) as file:
        json.dump({"state": state, "sha256": _digest(state)}, file)


def read_state(snapshot: Snapshot) -> dict[str, Any] | None:
    """Read run.json; None if it is missing or damaged."""
    try:
        content = json.loads(snapshot.resume.read_text(encoding="utf-8"))
        state = content["state"]
        return state if content["sha256"] == _digest(state) and {"bytes", "sha256"} <= set(state) else None
    except (FileNotFoundError, ValueError, TypeError, LookupError, RecursionError):
        return None


def is_complete(snapshot: Snapshot) -> bool:
    """Whether run.json is intact and Caffe's two files have the sizes in it."""
    state = read_state(snapshot)
    return state is not None and all(
        path.is_file() and path.stat().st_size == size
        for path, size in zip((snapshot.weights, snapshot.history), state["bytes"])
    )


def verify_checksum(snapshot: Snapshot) -> bool:
    """Whether the bytes of a complete snapshot's files still match their digests; a mismatch is logged."""
    state = read_state(snapshot)
    for path, digest in zip((snapshot.weights, snapshot.history), state["sha256"] if state else ()):
        if sha256(path) != digest:
            logger.warning("%s: checksum mismatch (same size); skipping this snapshot", path)
            return False
    return state is not None


def find_newest(folder: RunFolder) -> Snapshot | None:
    """The latest intact snapshot of a run, if there is one. Later, damaged ones lose their run.json."""
    for snapshot in reversed(folder.snapshots()):
        if is_complete(snapshot):
            if verify_checksum(snapshot):
                return snapshot
        elif snapshot.resume.exists():
            logger.warning("%s: damaged, or its snapshot is truncated; skipping this snapshot", snapshot.resume)
        _remove(snapshot.resume)
    return None


def list_scored(folder: RunFolder) -> list[Snapshot]:
    """The complete snapshots with a score, by falling mean IU, the earliest of equals first."""
    scored = [it for it in folder.snapshots() if it.score.exists() and is_complete(it)]
    return sorted(scored, key=read_mean_iu, reverse=True)


def read_mean_iu(snapshot: Snapshot) -> float:
    """The mean IU of a scored snapshot, 0 to 1; 0 where it is undefined."""
    return headline(read_report(snapshot.score))["mean_iu"] or 0


def prune(folder: RunFolder) -> None:
    """Remove all snapshots but the newest `KEPT` complete ones and the best scored one. Scores stay.

    Files newer than the newest complete snapshot stay too: they are being written, or document a failure.
    """
    kept = [snapshot for snapshot in folder.snapshots() if is_complete(snapshot)][-KEPT:]
    best = list_scored(folder)[:1]
    for snapshot in folder.snapshots():
        if kept and snapshot.iteration < kept[-1].iteration and snapshot not in [*kept, *best]:
            for path in (snapshot.resume, snapshot.history, snapshot.weights):  # run.json first: it declares the others
                _remove(path)


def _digest(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _remove(path: Path) -> None:
    if path.exists():
        path.unlink()
