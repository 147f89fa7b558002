"""The log and the progress bar of a real run: progress, the meaning of its rate, and warnings."""

import logging
import re

import pytest

from fcn_repro.training import divergence, trainer
from fcn_repro.training.recipe import Recipe
from tests.fixtures.terminal import Terminal
from tests.fixtures.tiny_run import write_run


@pytest.fixture
def logged(tmp_path, caplog, monkeypatch):
    """Train a tiny run; return all that it logs."""
    monkeypatch.setattr(divergence, "PATIENCE", 60)
    monkeypatch.setattr(divergence, "CHECK_EVERY", 5)
    monkeypatch.setattr(divergence, "DEAD_AFTER", 40)
    caplog.set_level(logging.INFO)

    def run(iterations, **solver):
        trainer.solve(write_run(tmp_path, dropout=False, snapshot=1000, **solver), Recipe(1, iterations))
        return "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("fcn_repro"))

    return run


def test_a_loss_of_nan_stops_the_run_and_names_the_rate(logged):
    with pytest.raises(divergence.Diverged, match=r"loss is nan at iteration \d+.* suits a loss averaged over pixels"):
        logged(100, base_lr=100)


def test_a_loss_that_explodes_is_reported_once_even_if_it_falls_again(logged):
    (finding,) = re.findall(r"loss explodes: .*", logged(30, base_lr=1e-3))
    assert re.match(r"loss explodes: \d\d\.\d+ per pixel at iteration \d; .* ln\(21\) = 3\.045", finding)
    assert "suits a loss averaged over pixels" in finding


def test_a_net_that_predicts_one_class_is_reported_in_training_and_scoring(logged):
    text = logged(60, base_lr=1e-12)
    assert len(re.findall(r"for 40 iterations score has been class 0 everywhere.*units that died", text)) == 1
    assert "every pixel was predicted to be of class 0" in text


def test_a_loss_that_stays_at_ln_of_the_classes_is_reported_with_the_rate_that_suits_another_loss(logged):
    text = logged(61, base_lr=1e-10, normalize=True)
    assert "loss is still 3.0445 per pixel after 60 iterations" in text
    assert "That rate suits a loss summed over pixels" in text


def test_a_healthy_run_reports_the_meaning_of_its_rate_and_nothing_else(logged):
    text = logged(60, base_lr=1e-5)
    (line,) = text.splitlines()
    assert "base_lr 1e-05 on a loss summed over pixels is about 0.0" in line


def test_the_progress_bar_shows_losses_speed_time_left_and_the_last_score(tmp_path, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("fcn_repro.system.progress.BAR_S", 0.0)
    trainer.solve(write_run(tmp_path, iter_size=2), Recipe(2, 5))
    bars = terminal.getvalue().split("\r")
    first, last = ([bar for bar in bars if f"{n}/10" in bar][-1] for n in (5, 10))
    shape = r"tiny +\d+%\|.+\| {}/10, \d+s left, [\d.e+]+ images/s, loss [\d.e+]+, \d+\.\d{{4}} per pixel"
    assert re.match(shape.format(5), first) and "mean IU" not in first
    assert re.match(shape.format(10) + r", mean IU \d+\.\d\d at 5", last)
