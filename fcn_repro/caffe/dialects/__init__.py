"""Prototxts in the dialects of forks, read as Caffe's own.

    spellings.py      other words for what Caffe has: always replaced, with a warning
    silent_traps.py   what a fork computes otherwise than Caffe under the same words: warned of, or replaced by choice
    refusals.py       what is unknown here: all of it at once, with its layer, line, fork and what to do
    knowledge.py      which fork has a type or field, and what to do

`prototxt.read_net` uses them. docs/old-caffe-projects.md lists the dialects.
"""

import logging

log = logging.getLogger("caffe")

_said: set[str] = set()


def warn_once(message: str, *values: object) -> None:
    """Log a warning, unless this process did so already: a script builds one net several times."""
    text = message % values
    if text not in _said:
        _said.add(text)
        log.warning("%s", text)
