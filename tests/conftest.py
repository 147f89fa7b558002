"""Settings for every test: which tiers run, and signals that a starting shell left ignored."""

import signal
from pathlib import Path

import pytest

TIERS = [Path(__file__).parent / name for name in ("oracle", "install", "resume", "gpu")]  # see README.md


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip a slow tier unless the command line names a path inside it."""
    if collection_path not in TIERS:
        return None
    named = [(config.invocation_params.dir / argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(collection_path) for path in named) else True


def pytest_configure() -> None:
    """Undo ignored signals, which child processes inherit; tests interrupt such children.

    A background job of a script ignores SIGINT, and nohup ignores SIGHUP. The tests themselves still ignore SIGHUP,
    through a handler, because child processes do not inherit handlers.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)
