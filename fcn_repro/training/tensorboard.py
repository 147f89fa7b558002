"""TensorBoard's event files of a run: the columns of log.csv, and a figure of predictions per round.

Watch all runs with: tensorboard --logdir build

The package tensorboard is optional (the extra `tensorboard`) and imported on first use.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

from PIL import Image

from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.metrics import METRICS


class EventFile:
    """Writes a new event file into a folder; it overrides entries of earlier files past `iteration`.

    Raises   ValueError if the package tensorboard is not installed
    """

    def __init__(self, folder: Path, iteration: int) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            raise ValueError(f"--tensorboard needs a package: {error}. Fix: pip install tensorboard") from error
        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        self._writer = EventFileWriter(str(folder))
        # A resumed run writes these iterations again. At this mark TensorBoard drops the entries it has read of them.
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(iteration + 1, session_log=start)

    def add(self, iteration: int, loss: float, loss_per_pixel: float, seconds: float, images: int) -> None:
        """Add mean losses, duration and images of the window that ends at `iteration`."""
        values = {"train/loss": loss, "train/loss_per_pixel": loss_per_pixel, "train/images_per_s": images / seconds}
        self._write_scalars(iteration, values)

    def add_score(self, iteration: int, score: Score) -> None:
        """Add a score's metrics, 0 to 1, and its loss."""
        metrics = {f"val/{metric}": score[metric] for metric in METRICS}
        self._write_scalars(iteration, {"val/loss": score.loss, **metrics})

    def add_image(self, iteration: int, tag: str, image: Image.Image) -> None:
        """Add an image."""
        png = io.BytesIO()
        image.save(png, "PNG")
        message = self._summary.Image(
            height=image.height, width=image.width, colorspace=3, encoded_image_string=png.getvalue()
        )
        self._write(iteration, summary=self._summary(value=[self._summary.Value(tag=tag, image=message)]))

    def flush(self) -> None:
        """Write pending entries to disk; otherwise this happens every two minutes, and never at exit."""
        self._writer.flush()

    def _write_scalars(self, iteration: int, values: dict[str, float]) -> None:
        summary = self._summary(value=[self._summary.Value(tag=tag, simple_value=v) for tag, v in values.items()])
        self._write(iteration, summary=summary)

    def _write(self, iteration: int, **fields: object) -> None:
        self._writer.add_event(self._event(wall_time=time.time(), step=iteration, **fields))
