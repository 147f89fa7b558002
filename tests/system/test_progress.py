import io

import pytest

from fcn_repro.system.progress import Progress, duration


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0s"), (59.6, "1m00s"), (42, "42s"), (185, "3m05s"), (7620, "2h07m"), (273600, "3d04h"), (3600, "1h00m")],
)
def test_durations_read_as_a_person_says_them(seconds, text):
    assert duration(seconds) == text


def test_time_left_follows_from_the_rate_so_far():
    clock = Clock()
    progress = Progress(100, "training", stream=io.StringIO(), clock=clock)
    clock.now = 10.0
    progress.advance(25)
    assert "25/100" in progress.line()
    assert "2.5 images/s, 30s left" in progress.line()


def test_rate_of_a_resumed_job_ignores_what_was_done_before():
    clock = Clock()
    progress = Progress(100, "training", done=50, stream=io.StringIO(), clock=clock)
    clock.now = 10.0
    progress.advance(10)
    assert "60/100" in progress.line()
    assert "1 images/s, 40s left" in progress.line()


def test_a_step_may_be_of_many_units():
    clock = Clock()
    progress = Progress(100, "training", each=20, stream=io.StringIO(), clock=clock)
    clock.now = 10.0
    progress.advance(5)
    assert "5/100  10 images/s, 3m10s left" in progress.line()


def test_a_file_gets_a_line_a_minute():
    clock, stream = Clock(), io.StringIO()
    with Progress(1000, "training", stream=stream, clock=clock) as progress:
        for _ in range(180):
            clock.now += 1
            progress.advance()
    assert stream.getvalue().count("\n") == 3 + 1  # and one at the end
    assert "\r" not in stream.getvalue()


def test_a_terminal_gets_one_line_rewritten():
    clock, stream = Clock(), Terminal()
    with Progress(3, "training", stream=stream, clock=clock) as progress:
        for _ in range(3):
            clock.now += 1
            progress.advance(note="loss 1.5")
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("3/3  1 images/s, 0s left  loss 1.5\033[K\n")


def test_a_job_that_did_nothing_says_nothing():
    stream = io.StringIO()
    with Progress(3, "training", done=3, stream=stream):
        pass
    assert stream.getvalue() == ""


def test_quiet_progress_counts_and_says_nothing():
    clock, stream = Clock(), io.StringIO()
    with Progress(1000, "training", stream=stream, clock=clock, quiet=True) as progress:
        for _ in range(180):
            clock.now += 1
            progress.advance()
    assert progress.done == 180 and not stream.getvalue()
