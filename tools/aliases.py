"""Programs under their old names, available for one release: tools/OLD.py calls `run_renamed`."""

from __future__ import annotations

import runpy
import sys

NEW_NAMES = {"agree": "compare_labels", "adopt": "user_dataset", "check": "validate_data"}


def run_renamed(old: str) -> None:
    """Run the program that was called `old`, with the same arguments, after a note on stderr."""
    print(f"tools.{old} is now tools.{NEW_NAMES[old]}; the old name works for one more release", file=sys.stderr)
    runpy.run_module(f"tools.{NEW_NAMES[old]}", run_name="__main__", alter_sys=True)
