"""Holds the package `caffe`. A folder for sys.path, not to be imported."""
