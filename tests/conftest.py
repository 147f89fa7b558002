"""What the tests must not inherit from whoever starts them."""

import signal


def pytest_configure():
    """A job that a script puts into the background ignores Ctrl-C, and so would the runs that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
