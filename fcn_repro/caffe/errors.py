"""What Caffe's fatal checks become here."""

from __future__ import annotations


class CaffeError(RuntimeError):
    """A check that real Caffe ends the process for (glog FATAL, SIGABRT); here the process lives on.

    It derives from RuntimeError because that is what pycaffe raises for the few faults it lets a caller see
    (a missing file, say), so existing `except RuntimeError` clauses go on working.
    """
