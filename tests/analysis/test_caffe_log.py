"""The tables of a log by parse_log.py's rules, worked out by hand."""

import pytest

from fcn_repro.analysis.caffe_log import parse_log

START = "I1231 23:59:50.000000 7 solver.cpp:1] Solving net\n"
TEST = "I1231 23:59:{}.500000 7 solver.cpp:1] Iteration {}, Testing net (#0)\n"
SCORE = "I1231 23:59:{}.500000 7 solver.cpp:1]     Test net output #{}: {} = {}\n"


def line(time, message, date="I1231"):
    return f"{date} {time} 7 solver.cpp:1] {message}\n"


LOG = (
    "anything before\n" + line("23:59:50.000000", "Iteration 3 of an earlier run") + START
    + line("23:59:51.000000", "Iteration 0, Testing net (#0)")
    + line("23:59:51.250000", "    Test net output #0: accuracy = 0.5")
    + line("23:59:51.250000", "    Test net output #1: loss = 1e-05 (* 1 = 1e-05 loss)")
    + line("23:59:52.000000", "Iteration 0 (1 iter/s, 2s/5 iters), loss = 7.5")
    + line("23:59:52.000000", "    Train net output #0: loss = 7 (* 1 = 7 loss)")
    + line("23:59:52.500000", "Iteration 0, lr = 0.001")
    + "layer {\n\n"
    + line("00:00:10.000000", "Iteration 5 (1 iter/s, 2s/5 iters), loss = 6.5", "I0101")
    + line("00:00:10.000000", "    Train net output #0: loss = 6 (* 1 = 6 loss)", "I0101")
    + line("00:00:10.000000", "Iteration 5, lr = 1e-4", "I0101")
    + line("00:00:11.000000", "Iteration 10, Testing net (#0)", "I0101")
    + line("00:00:12.000000", "    Test net output #0: accuracy = 0.75", "I0101")
    + line("00:00:12.000000", "    Test net output #1: loss = 3", "I0101")
    + line("00:00:13.000000", "Iteration 10, loss = 5", "I0101")
    + line("00:00:14.000000", "Iteration 15, Testing net (#0)", "I0101")
    + line("00:00:14.000000", "    Test net output #0: accuracy = 0.9", "I0101")
)  # fmt: skip


def row(iteration, seconds, rate, **outputs):
    return {"NumIters": iteration, "Seconds": seconds, "LearningRate": rate, **outputs}


@pytest.fixture
def log(tmp_path):
    (tmp_path / "a.log").write_text(LOG)
    return parse_log(tmp_path / "a.log")


def test_rows_have_the_outputs_of_an_iteration_across_a_new_year_and_the_last_only_if_it_is_complete(log):
    assert log.tables["Train"].rows == [row(0, 2.0, 1e-3, loss=7.0), row(5, 20.0, 1e-3, loss=6.0)]
    assert log.tables["Test"].rows == [
        row(0, 1.25, 1e-4, accuracy=0.5, loss=1e-5),
        row(10, 22.0, 1e-4, accuracy=0.75, loss=3.0),
    ]


def test_losses_and_rates_are_the_solvers(log):
    assert log.losses == [(0, 2.0, 7.5), (5, 20.0, 6.5), (10, 23.0, 5.0)]
    assert log.rates == [(0, 2.5, 1e-3), (5, 20.0, 1e-4)]


def test_new_glog_writes_the_year(tmp_path, log):
    (tmp_path / "b.log").write_text(LOG.replace("I1231", "I20251231").replace("I0101", "I20260101"))
    assert parse_log(tmp_path / "b.log").tables == log.tables


def test_csv_is_as_pythons_excel_dialect(log):
    assert log.tables["Train"].to_csv(";").splitlines(keepends=True)[:2] == [
        "NumIters;Seconds;LearningRate;loss\r\n", "0.0;2.0;0.001;7.0\r\n",
    ]  # fmt: skip


def test_a_log_without_a_start_is_refused(tmp_path):
    (tmp_path / "c.log").write_text("I1231 23:59:50.000000 7 solver.cpp:1] Iteration 0\n")
    with pytest.raises(ValueError, match="c.log: Start time not found; expected a line 'Solving NAME'"):
        parse_log(tmp_path / "c.log")
