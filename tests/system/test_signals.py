import os
import signal

import pytest

from fcn_repro.system.signals import SIGNALS, SignalExit, StopRequest, raise_on_signal, signal_number


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_only_noted(number):
    with StopRequest() as interruption:
        os.kill(os.getpid(), number)
        assert interruption.requested == number


def test_the_second_ctrl_c_ends_the_program():
    with pytest.raises(KeyboardInterrupt), StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_signals_are_as_usual_afterwards():
    before = [signal.getsignal(number) for number in SIGNALS]
    with raise_on_signal(), StopRequest():
        assert not set(before) & {signal.getsignal(number) for number in SIGNALS}
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_an_uninterrupted_run_is_not_interrupted():
    with StopRequest() as interruption:
        pass
    assert not interruption.requested


@pytest.mark.parametrize("number", SIGNALS)
def test_where_a_program_ends_at_once_the_exception_tells_the_signal(number):
    with pytest.raises(SignalExit) as stopped, raise_on_signal():
        os.kill(os.getpid(), number)
    assert signal_number(stopped.value) == number
    assert signal_number(KeyboardInterrupt()) == signal.SIGINT


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_ends_a_program_at_once(number):
    with raise_on_signal(), pytest.raises(SignalExit), StopRequest():
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_was_ignored_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with raise_on_signal(), StopRequest() as interruption:
            os.kill(os.getpid(), number)
            assert not interruption.requested
    finally:
        signal.signal(number, before)
