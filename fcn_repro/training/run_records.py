"""The records of a run, which the root rank writes: log.csv, TensorBoard events, and a figure of predictions."""

from __future__ import annotations

from PIL import Image

from fcn_repro.drawing.image_sheet import save_png
from fcn_repro.evaluation.evaluate import Score
from fcn_repro.model.run_folder import RunFolder
from fcn_repro.training.checkpoint_files import list_scored, read_mean_iu
from fcn_repro.training.tensorboard import EventFile
from fcn_repro.training.train_log import LogWindow, TrainLog


class RunRecords:
    """Opens the records of a run at an iteration; entries and scores past it are dropped."""

    def __init__(self, folder: RunFolder, iteration: int, shortened: bool, tensorboard: bool) -> None:
        self._folder = folder
        self._log = TrainLog(folder.log, iteration, shortened)
        self._events = EventFile(folder.tensorboard, iteration) if tensorboard else None
        for later in folder.snapshots():
            if later.iteration > iteration and later.score.exists():
                later.score.unlink()  # the run scores it again

    @property
    def last_mean_iu(self) -> str:
        """The last score as the progress bar shows it; empty before the first."""
        return self._log.last_mean_iu

    def add_window(self, iteration: int, window: LogWindow) -> None:
        """Add a row about the window that ends at `iteration`."""
        self._log.add(iteration, *window.average())
        if self._events:
            self._events.add(iteration, *window.average())

    def add_score(self, iteration: int, score: Score, sheet: Image.Image | None) -> None:
        """Add the score of a round, and save its figure of predictions if it is the best score so far."""
        self._log.add_score(iteration, score)
        if sheet and all(score["mean_iu"] > read_mean_iu(other) for other in list_scored(self._folder)):
            save_png(self._folder.examples, sheet)
        if self._events:
            self._events.add_score(iteration, score)
            if sheet:
                self._events.add_image(iteration, "examples", sheet)

    def flush(self) -> None:
        """Write pending entries to disk."""
        if self._events:
            self._events.flush()
