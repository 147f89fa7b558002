import json
from dataclasses import asdict

import numpy as np

from fcn_repro.evaluation.evaluate import Score
from fcn_repro.training.train_log import COLUMNS, LogWindow, TrainLog, read

SCORE = Score(np.array([[8, 2], [2, 3]]), 0.0)


def iterations(path):
    return [int(row["iteration"]) for row in read(path)]


def test_rows_read_back_as_written(tmp_path):
    log = TrainLog(tmp_path / "log.csv", 0, shortened=False)
    log.add(20, 1000.0, 1.25, seconds=4.0, images=20)
    log.add(40, 500.0, 0.5, seconds=6.0, images=20)
    log.add_score(40, SCORE)
    first, second = read(tmp_path / "log.csv")
    assert tuple(first) == COLUMNS
    assert (first["loss"], first["loss_per_pixel"], first["mean_iu"]) == ("1000", "1.25", "")
    assert (first["images_per_s"], first["seconds"], second["seconds"]) == ("5", "4.000", "10.000")
    assert float(second["pixel_accuracy"]) == round(11 / 15, 6)


def test_a_resumed_run_drops_what_it_will_write_again(tmp_path):
    log = TrainLog(tmp_path / "log.csv", 0, shortened=False)
    for iteration in (20, 40, 60):
        log.add(iteration, 1.0, 1.0, seconds=1.0, images=1)
    resumed = TrainLog(tmp_path / "log.csv", 40, shortened=False)
    assert iterations(tmp_path / "log.csv") == [20, 40]
    resumed.add(60, 1.0, 1.0, seconds=1.0, images=1)
    assert [row["seconds"] for row in read(tmp_path / "log.csv")] == ["1.000", "2.000", "3.000"]


def test_a_score_whose_row_was_lost_gets_a_new_row(tmp_path):
    log = TrainLog(tmp_path / "log.csv", 0, shortened=False)
    log.add(20, 1.0, 1.0, seconds=1.0, images=1)
    log.add_score(40, SCORE)
    assert [(row["iteration"], row["loss"], bool(row["mean_iu"])) for row in read(tmp_path / "log.csv")] == [
        ("20", "1", False),
        ("40", "", True),
    ]


def test_rows_cut_short_by_a_kill_are_skipped_and_those_of_a_shortened_run_marked(tmp_path):
    assert read(tmp_path / "log.csv") == []
    TrainLog(tmp_path / "log.csv", 0, shortened=True).add(20, 1.0, 1.0, seconds=1.0, images=1)
    with open(tmp_path / "log.csv", "a") as file:
        file.write("40,1000,0.")
    assert [(row["iteration"], row["shortened"]) for row in read(tmp_path / "log.csv")] == [("20", "yes")]


def test_a_window_averages_losses_and_adds_up_time_and_images():
    window = LogWindow()
    window.add(30.0, 3.0, seconds=1.5, images=2)
    window.add(10.0, 1.0, seconds=0.5, images=2)
    assert window.average() == (20.0, 2.0, 2.0, 4)


def test_a_window_stored_as_json_resumes_to_the_bit():
    whole, stopped = LogWindow(), LogWindow()
    for loss in (0.1, 0.2):
        whole.add(loss, loss / 3, seconds=0.1, images=1)
        stopped.add(loss, loss / 3, seconds=0.1, images=1)
    resumed = LogWindow(**json.loads(json.dumps(asdict(stopped))))
    for window in (whole, resumed):
        window.add(0.7, 0.3, seconds=0.1, images=1)
    assert resumed.average() == whole.average()
