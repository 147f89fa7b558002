import os
import signal

import pytest

from fcn_repro.system.signals import SIGNALS, SignalExit, StopRequest, raise_on_signal, signal_number


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_noted_and_the_second_ends_the_program(number):
    before = [signal.getsignal(number) for number in SIGNALS]
    with raise_on_signal(), pytest.raises(SignalExit) as stopped, StopRequest() as request:
        assert not set(before) & {signal.getsignal(number) for number in SIGNALS} and not request.requested
        os.kill(os.getpid(), number)
        assert request.requested == number
        os.kill(os.getpid(), number)
    assert signal_number(stopped.value) == number
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_the_second_ctrl_c_is_an_ordinary_keyboard_interrupt_outside_of_programs():
    with pytest.raises(KeyboardInterrupt) as stopped, StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert type(stopped.value) is KeyboardInterrupt and signal_number(stopped.value) == signal.SIGINT


@pytest.mark.parametrize("number", SIGNALS)
def test_an_ignored_signal_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with raise_on_signal(), StopRequest() as request:
            os.kill(os.getpid(), number)
            assert not request.requested
    finally:
        signal.signal(number, before)
