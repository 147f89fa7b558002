"""Errors with a cause that the user can mend: programs print the message without a traceback."""

from __future__ import annotations


class DataError(Exception):
    """Data or weights are missing or invalid; programs exit with status 3.

    The message names the file, what was found, what was expected, and the fix.
    """


class EngineError(ImportError):
    """The engine that ENGINE names does not exist or does not import."""
