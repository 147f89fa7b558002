import os
import signal

import pytest

from fcn_repro.system.signals import SIGNALS, Interruption, Stopped, ending_at_once, number_of


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_only_noted(number):
    with Interruption() as interruption:
        os.kill(os.getpid(), number)
        assert interruption.requested == number


def test_the_second_ctrl_c_ends_the_program():
    with pytest.raises(KeyboardInterrupt), Interruption():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_signals_are_as_usual_afterwards():
    before = [signal.getsignal(number) for number in SIGNALS]
    with ending_at_once(), Interruption():
        assert not set(before) & {signal.getsignal(number) for number in SIGNALS}
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_an_uninterrupted_run_is_not_interrupted():
    with Interruption() as interruption:
        pass
    assert not interruption.requested


@pytest.mark.parametrize("number", SIGNALS)
def test_where_a_program_ends_at_once_the_exception_tells_the_signal(number):
    with pytest.raises(Stopped) as stopped, ending_at_once():
        os.kill(os.getpid(), number)
    assert number_of(stopped.value) == number
    assert number_of(KeyboardInterrupt()) == signal.SIGINT


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_ends_a_program_at_once(number):
    with ending_at_once(), pytest.raises(Stopped), Interruption():
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_was_ignored_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with ending_at_once(), Interruption() as interruption:
            os.kill(os.getpid(), number)
            assert not interruption.requested
    finally:
        signal.signal(number, before)
