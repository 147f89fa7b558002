"""Python imports this module when it starts, because its folder is on PYTHONPATH: see fcn_repro.shim.

The package fcn_repro is found beside this file without its folder on sys.path, which may hold a clone's `tools`. Then
the next sitecustomize on sys.path runs, which this one hides. Python 2, which a script may start, does nothing here.
"""

import os
import sys

STARTUP = os.path.dirname(os.path.realpath(__file__))
PARENT = os.path.dirname(os.path.dirname(os.path.dirname(STARTUP)))


def start():
    """Import fcn_repro.as_caffe from this tree, then the next sitecustomize."""
    import importlib

    sys.path.insert(0, PARENT)
    try:
        importlib.import_module("fcn_repro.as_caffe")
    finally:
        sys.path.remove(PARENT)
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    path = [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != STARTUP]
    following = PathFinder.find_spec("sitecustomize", path)
    if following is not None and following.loader is not None:
        following.loader.exec_module(module_from_spec(following))


if __name__ == "sitecustomize" and sys.version_info >= (3, 8):
    start()
