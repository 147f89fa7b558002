"""How far a run has come, by what is in its folder. Looking changes nothing there."""

from __future__ import annotations

from dataclasses import dataclass

from fcn_repro.evaluation.score_report import headline, read_report
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training import checkpoint


@dataclass(frozen=True)
class State:
    """Where a run stands.

    iteration   that it could be taken up from, or was trained to
    length      iterations that its row asks for
    mean_iu     of the final weights, 0 to 1; None before there are any
    """

    iteration: int
    length: int
    mean_iu: float | None

    @property
    def shortened(self) -> bool:
        """Whether it was ended before the length of its row."""
        return self.mean_iu is not None and self.iteration < self.length

    def __str__(self) -> str:
        if self.mean_iu is not None:
            score = f"{100 * self.mean_iu:.2f}"
            return f"{score} at {self.iteration:,}" if self.shortened else score
        return f"at {self.iteration:,}" if self.iteration else "not started"


def state(folder: RunFolder, length: int) -> State:
    """The state of a run; a score of weights that were not trained here is none."""
    complete = [snapshot.iteration for snapshot in folder.snapshots() if checkpoint.is_complete(snapshot)]
    reached = max(complete, default=0)
    if folder.final.exists() and folder.score.exists():
        report = read_report(folder.score)
        if report["trained"] is not None:
            return State(report["trained"], length, headline(report)["mean_iu"])
    return State(reached, length, None)
