"""log.csv: a row per window of iterations, with the score where there is one. Reading it needs no engine."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.system.atomic_write import atomic_write, attach_path

if TYPE_CHECKING:
    from fcn_repro.evaluation.evaluate import Score

COLUMNS = (
    "iteration",  # updates so far
    "loss",  # mean over the row's iterations, as Caffe reports it; summed over heads
    "loss_per_pixel",  # the same in nats per scored pixel; of the first head
    *METRICS,  # of the first head, 0 to 1
    "seconds",  # of training since the run began, without scoring
    "images_per_s",  # over the row's iterations
    "shortened",  # "yes" if the run is shorter than its recipe
)


@dataclass
class LogWindow:
    """The iterations since the last row, which the next row averages. Snapshots store it as JSON."""

    losses: list[tuple[float, float]] = field(default_factory=list)  # of each iteration: Caffe's, and per pixel
    seconds: float = 0.0
    images: int = 0

    def add(self, loss: float, loss_per_pixel: float, seconds: float, images: int) -> None:
        """Add an iteration: its losses, duration and number of images."""
        self.losses.append((loss, loss_per_pixel))
        self.seconds += seconds
        self.images += images

    def average(self) -> tuple[float, float, float, int]:
        """The arguments of `TrainLog.add`: mean losses, seconds, images."""
        loss, loss_per_pixel = (sum(column) / len(self.losses) for column in zip(*self.losses))
        return loss, loss_per_pixel, self.seconds, self.images


class TrainLog:
    """Writes log.csv. Opening it drops the rows past `iteration`, which a resumed run writes again."""

    def __init__(self, path: Path, iteration: int, shortened: bool) -> None:
        self._path, self._shortened = path, "yes" if shortened else "no"
        self._rows = [row for row in read(path) if int(row["iteration"]) <= iteration]
        self._rewrite()

    def add(self, iteration: int, loss: float, loss_per_pixel: float, seconds: float, images: int) -> None:
        """Append a row and sync it to disk: mean losses, duration and images of the window that ends at `iteration`.

        Raises   OSError naming the file
        """
        row = {
            **self._start_row(iteration, seconds),
            "loss": f"{loss:.6g}",
            "loss_per_pixel": f"{loss_per_pixel:.6g}",
            "images_per_s": f"{images / seconds:.4g}",
        }
        self._rows.append(row)
        with attach_path(self._path), open(self._path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row)
            file.flush()
            os.fsync(file.fileno())

    def add_score(self, iteration: int, score: Score) -> None:
        """Add a score to the row of its iteration, the last one, or to a new row if a kill lost it."""
        if not self._rows or self._rows[-1]["iteration"] != str(iteration):
            self._rows.append(self._start_row(iteration, 0.0))
        self._rows[-1].update({metric: f"{score[metric]:.6f}" for metric in METRICS})
        self._rewrite()

    @property
    def last_mean_iu(self) -> str:
        """The last score as the progress bar shows it; empty before the first."""
        scored = [row for row in self._rows if row.get("mean_iu")]
        return f"mean IU {100 * float(scored[-1]['mean_iu']):.2f} at {scored[-1]['iteration']}" if scored else ""

    def _start_row(self, iteration: int, seconds: float) -> dict[str, str]:
        before = float(self._rows[-1]["seconds"]) if self._rows else 0.0
        return {"iteration": str(iteration), "seconds": f"{before + seconds:.3f}", "shortened": self._shortened}

    def _rewrite(self) -> None:
        with atomic_write(self._path) as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self._rows)


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a log.csv, every cell as text, blank where nothing was measured; none if the file is missing."""
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["shortened"]]  # a kill may truncate the last row
