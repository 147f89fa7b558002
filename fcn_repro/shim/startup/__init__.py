"""Holds the module that Python imports when it starts. A folder for PYTHONPATH, not to be imported."""
