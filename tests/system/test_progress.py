import io
import re
import subprocess
import sys
import types

import pytest

from fcn_repro.system import progress as module
from fcn_repro.system.progress import Progress, format_duration
from tests.fixtures.terminal import Terminal, read_terminal

TRAINING = "loss 12345.6789 = 1.2345 per pixel, 21 of 21 classes predicted, learning rate 1e-10, gradients up to 123.4"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0s"), (59.6, "1m00s"), (42, "42s"), (185, "3m05s"), (7620, "2h07m"), (273600, "3d04h"), (3600, "1h00m")],
)
def test_durations_have_two_units(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("options", "steps", "status"),
    [
        ({}, 25, "30s left, 2.5 images/s"),
        ({"done": 50}, 10, "40s left, 1 images/s"),  # steps before a resume do not count
        ({"each": 20, "unit": "MB"}, 5, "3m10s left, 10 MB/s"),
    ],
)
def test_rate_and_time_left_follow_from_the_steps_since_the_start(options, steps, status):
    clock = Clock()
    progress = Progress(100, "training", stream=io.StringIO(), clock=clock, **options)
    clock.now = 10.0
    progress.advance(steps)
    assert progress.status() == status


def test_a_pipe_gets_a_line_a_minute_without_control_characters():
    clock, stream = Clock(), io.StringIO()
    with Progress(1000, "training", stream=stream, clock=clock) as progress:
        for _ in range(180):
            clock.now += 1
            progress.advance(note="loss 1.5")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3 + 1  # and one at the end
    assert lines[0] == "training: 60/1000, 15m40s left, 1 images/s, loss 1.5" and "\r" not in stream.getvalue()


@pytest.mark.parametrize("columns", [60, 80])
def test_a_bar_fits_the_terminal_and_shows_the_time_left(columns):
    def train(stream):
        clock = Clock()
        with Progress(100_000, "voc-fcn8s-with-a-very-long-name", stream=stream, clock=clock) as progress:
            for _ in range(3):
                clock.now += 1
                progress.advance(note=TRAINING)

    text = read_terminal(train, columns)
    reports = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    assert text.count("\n") == 1 and len(reports) >= 3
    assert all(len(line) <= columns for line in reports)
    assert reports[-1].startswith("voc-fcn8s-with-...") and "1d03h left" in reports[-1]
    assert ("loss 1" in reports[-1]) is (columns == 80)


def test_a_notebook_gets_a_bar():
    program = (
        "import sys, types\nfrom fcn_repro.system.progress import Progress\n"
        "shell = types.ModuleType('IPython')\nshell.version_info = (8,)\n"
        "shell.get_ipython = lambda: types.SimpleNamespace(config={'IPKernelApp': {}})\n"
        "sys.modules['IPython'] = shell\n"
        "with Progress(2, 'label') as progress:\n    progress.advance()\n    progress.advance()"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "label 100%|" in found.stderr and "2/2" in found.stderr


@pytest.mark.parametrize("has_widgets", [True, False])
def test_a_notebook_with_widgets_gets_tqdms_widget(monkeypatch, has_widgets):
    notebook, text = types.ModuleType("tqdm.notebook"), types.ModuleType("tqdm.std")
    notebook.IProgress, notebook.tqdm, text.tqdm = object if has_widgets else None, "widget", "text"
    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(notebook=notebook, std=text))
    monkeypatch.setitem(sys.modules, "tqdm.notebook", notebook)
    monkeypatch.setitem(sys.modules, "tqdm.std", text)
    monkeypatch.setattr(module, "_in_notebook", lambda: True)
    assert module._find_tqdm() == ("widget" if has_widgets else "text")


@pytest.mark.parametrize(("done", "quiet"), [(3, False), (0, True)])
def test_a_job_without_steps_and_a_quiet_one_report_nothing(done, quiet):
    clock, stream = Clock(), Terminal()
    with Progress(3, "training", done=done, stream=stream, clock=clock, quiet=quiet) as progress:
        for _ in range(3 - done):
            clock.now += 100
            progress.advance()
    assert progress.done == 3 and stream.getvalue() == ""
