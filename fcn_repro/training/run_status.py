"""How far a run has come, from the files in its folder. This only reads, and needs no engine."""

from __future__ import annotations

from dataclasses import dataclass

from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.checkpoint_files import is_complete


@dataclass(frozen=True)
class RunStatus:
    """The status of a run.

    iteration   of the newest complete snapshot, or of the end of training
    length      iterations in its row
    mean_iu     of the final weights, 0 to 1; None before there are any
    """

    iteration: int
    length: int
    mean_iu: float | None

    @property
    def shortened(self) -> bool:
        """Whether training ended before the length of its row."""
        return self.mean_iu is not None and self.iteration < self.length

    def __str__(self) -> str:
        if self.mean_iu is not None:
            score = f"{100 * self.mean_iu:.2f}"
            return f"{score} at {self.iteration:,}" if self.shortened else score
        return f"at {self.iteration:,}" if self.iteration else "not started"


def read_status(folder: RunFolder, length: int) -> RunStatus:
    """Read the status of a run. A score of weights that were trained elsewhere does not count."""
    if folder.final.exists() and folder.score.exists():
        report = read_report(folder.score)
        if report["trained"] is not None:
            return RunStatus(report["trained"], length, headline(report)["mean_iu"])
    complete = [snapshot.iteration for snapshot in folder.snapshots() if is_complete(snapshot)]
    return RunStatus(max(complete, default=0), length, None)
