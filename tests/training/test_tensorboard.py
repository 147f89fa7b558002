import io
import sys

import numpy as np
import pytest
from PIL import Image

from fcn_repro.evaluation.evaluate import Score
from fcn_repro.evaluation.metrics import METRICS
from fcn_repro.training import trainer
from fcn_repro.training.recipe import Recipe
from fcn_repro.training.tensorboard import EventFile
from fcn_repro.training.train_log import read
from fcn_repro.training.trainer import Trainer
from tests.fixtures.tiny_run import act_at_iteration, write_run

pytest.importorskip("tensorboard", reason="figures of a run need Python's tensorboard package")
RECIPE = Recipe(rounds=2, steps=20)


class Stopped(Exception):
    """A run stops without a signal."""


def shown(folder):
    """A folder of event files as TensorBoard reads it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def scalars(folder, tag):
    return [(event.step, event.value) for event in shown(folder).Scalars(tag)]


def test_a_run_shows_the_numbers_of_its_learning_curve_and_a_figure_per_round(tmp_path):
    folder = write_run(tmp_path, snapshot=1000)
    Trainer(folder, RECIPE, 1).start()
    assert not folder.tensorboard.exists()  # nothing is written unless asked for
    trainer.solve(folder, RECIPE, tensorboard=True)
    rows = read(folder.log)
    losses = [(int(row["iteration"]), float(row["loss_per_pixel"])) for row in rows]
    assert scalars(folder.tensorboard, "train/loss_per_pixel") == [(i, pytest.approx(v, rel=1e-5)) for i, v in losses]
    for metric in METRICS:
        values = [(int(row["iteration"]), pytest.approx(float(row[metric]), abs=1e-6)) for row in rows if row[metric]]
        assert scalars(folder.tensorboard, f"val/{metric}") == values and len(values) == 2
    sheets = shown(folder.tensorboard).Images("examples")
    assert [sheet.step for sheet in sheets] == [20, 40]
    with Image.open(io.BytesIO(sheets[1].encoded_image_string)) as opened:
        assert opened.size == (sheets[1].width, sheets[1].height)


def test_a_resumed_run_shows_every_iteration_once(tmp_path):
    folder = write_run(tmp_path, snapshot=1000)

    def stop():
        raise Stopped

    with act_at_iteration(35, stop):  # without a snapshot, so 21 to 35 are lost
        with pytest.raises(Stopped):
            trainer.solve(folder, RECIPE, tensorboard=True)
    EventFile(folder.tensorboard, 20).add(30, 9.0, 9.0, 1.0, 1)  # as if seen before the stop
    trainer.solve(folder, RECIPE, tensorboard=True)
    assert [step for step, _ in scalars(folder.tensorboard, "train/loss")] == [20, 40]


def test_undefined_metrics_are_skipped_and_a_missing_package_is_named(tmp_path, monkeypatch):
    EventFile(tmp_path, 0).add_score(1, Score(np.zeros((2, 2), int), 0.0))
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    with pytest.raises(ValueError, match="pip install tensorboard"):
        EventFile(tmp_path, 0)
