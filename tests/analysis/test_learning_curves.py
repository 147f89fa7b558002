from fcn_repro.analysis.learning_curves import chart_runs, chart_stages
from tests.fixtures.result_folders import log_row, write_log


def logs(folder):
    first = write_log(folder / "first.csv", log_row(20, "1.5"), log_row(40, "1.25", "0.5"))
    second = write_log(folder / "second.csv", log_row(20, "0.75"), log_row(30, "", "0.625"))
    return [("32s", first), ("16s", second)]


def test_stages_follow_each_other_on_one_axis_and_are_marked(tmp_path):
    loss, score = chart_stages("run", logs(tmp_path))
    (line,) = loss.lines
    assert line.name == "run" and line.points == [(20, 1.5), (40, 1.25), (60, 0.75)]
    assert score.lines[0].points == [(40, 50), (70, 62.5)]
    assert loss.marks == score.marks == [(0, "32s"), (40, "16s")]
    assert chart_stages("run", logs(tmp_path)[:1])[0].marks == ()


def test_runs_lie_over_each_other(tmp_path):
    loss, score = chart_runs(logs(tmp_path), log=True)
    assert [(line.name, line.points) for line in loss.lines] == [
        ("32s", [(20, 1.5), (40, 1.25)]),
        ("16s", [(20, 0.75)]),
    ]
    assert [line.points for line in score.lines] == [[(40, 50)], [(30, 62.5)]]
    assert (loss.log_y, score.log_y) == (True, False)


def test_undefined_values_and_missing_logs_give_no_points(tmp_path):
    log = write_log(tmp_path / "log.csv", log_row(20, "nan", "nan"))
    for chart in chart_runs([("run", log), ("none", tmp_path / "nowhere.csv")]):
        assert [line.points for line in chart.lines] == [[], []]
