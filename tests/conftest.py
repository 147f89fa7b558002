"""What the tests must not inherit from whoever starts them."""

import signal


def pytest_configure():
    """Who ignores Ctrl-C (a script's background job) or a lost terminal (nohup) has children that do, too.

    Those are the runs that tests interrupt. The tests themselves go on ignoring a lost terminal, but by a handler,
    which children do not inherit.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)
