from fcn_repro.analysis.curves import learning_charts
from fcn_repro.training.train_log import COLUMNS

HEAD = ",".join(COLUMNS)


def log(path, *rows):
    path.write_text("\n".join([HEAD, *(",".join(row.get(column, "") for column in COLUMNS) for row in rows), ""]))
    return path


def row(iteration, loss="", mean_iu=""):
    return {"iteration": str(iteration), "loss_per_pixel": loss, "mean_iu": mean_iu, "shortened": "no"}


def test_losses_and_scores_of_every_stage_become_charts(tmp_path):
    first = log(tmp_path / "first.csv", row(20, "1.5"), row(40, "1.25", "0.5"))
    second = log(tmp_path / "second.csv", row(20, "0.75"), row(30, "", "0.625"))
    loss, score = learning_charts([("32s", first), ("16s", second)])
    assert [(stage.name, stage.points, stage.length) for stage in loss.stages] == [
        ("32s", [(20, 1.5), (40, 1.25)], 40),
        ("16s", [(20, 0.75)], 30),
    ]
    assert [stage.points for stage in score.stages] == [[(40, 50)], [(30, 62.5)]]


def test_what_is_undefined_or_missing_is_no_point(tmp_path):
    loss, score = learning_charts([("run", log(tmp_path / "log.csv", row(20, "nan", "nan")))])
    assert loss.stages[0].points == score.stages[0].points == []
    assert learning_charts([("none", tmp_path / "nowhere.csv")])[0].stages[0].length == 0
