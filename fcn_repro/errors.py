"""What foreseeable trouble is called, so that a program can say it without a traceback and exit 3."""

from __future__ import annotations


class DataError(Exception):
    """Data or weights are missing, or are not what they should be.

    The message says what was found, in which file, what was expected there, and what to do about it.
    """
