"""What TensorBoard shows of a run: the columns of the learning curve, and a sheet of pictures per round.

Look at all runs with: tensorboard --logdir build

The package tensorboard is optional (the extra `tensorboard`); it is imported when a run is to be shown, not before.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

from PIL import Image

from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.metrics import METRICS


class EventFile:
    """Writes a new event file into a folder; what files before it say of later iterations than `iteration` is void.

    Raises   ValueError when the package tensorboard is not installed
    """

    def __init__(self, folder: Path, iteration: int) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            raise ValueError(f"TensorBoard was asked for: {error}. Install it: pip install tensorboard") from error
        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        self._writer = EventFileWriter(str(folder))
        # A resumed run writes these iterations again; at this mark TensorBoard drops what it has read of them.
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(iteration + 1, session_log=start)

    def add(self, iteration: int, loss: float, loss_per_pixel: float, seconds: float, images: int) -> None:
        """Add mean losses over a stretch that ended at `iteration`, the time it took and the images it saw."""
        values = {"train/loss": loss, "train/loss_per_pixel": loss_per_pixel, "train/images_per_s": images / seconds}
        self._scalars(iteration, values)

    def add_score(self, iteration: int, score: Score) -> None:
        """Add a score's metrics, 0 to 1, and its loss."""
        self._scalars(iteration, {"val/loss": score.loss, **{f"val/{metric}": score[metric] for metric in METRICS}})

    def add_picture(self, iteration: int, tag: str, picture: Image.Image) -> None:
        """Add a picture."""
        png = io.BytesIO()
        picture.save(png, "PNG")
        image = self._summary.Image(
            height=picture.height, width=picture.width, colorspace=3, encoded_image_string=png.getvalue()
        )
        self._write(iteration, summary=self._summary(value=[self._summary.Value(tag=tag, image=image)]))

    def flush(self) -> None:
        """Bring to disk what was added; by itself that happens every other minute, and never at the program's end."""
        self._writer.flush()

    def _scalars(self, iteration: int, values: dict[str, float]) -> None:
        summary = self._summary(value=[self._summary.Value(tag=tag, simple_value=v) for tag, v in values.items()])
        self._write(iteration, summary=summary)

    def _write(self, iteration: int, **what: object) -> None:
        self._writer.add_event(self._event(wall_time=time.time(), step=iteration, **what))
