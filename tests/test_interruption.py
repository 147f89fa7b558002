import os
import signal

import pytest

from fcn_repro.interruption import Interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_only_noted(number):
    with Interruption() as interruption:
        os.kill(os.getpid(), number)
        assert interruption.requested


def test_the_second_ctrl_c_ends_the_program():
    with pytest.raises(KeyboardInterrupt), Interruption():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_signals_are_as_usual_afterwards():
    before = signal.getsignal(signal.SIGINT)
    with Interruption():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_an_uninterrupted_run_is_not_interrupted():
    with Interruption() as interruption:
        pass
    assert not interruption.requested
