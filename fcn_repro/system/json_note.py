"""Reader of this project's own JSON notes: deploy.json, score.json, dataset.json and others.

The kind of a field is described as

    str, int, float, bool   a value of that type; an int is also a float, and a bool is neither
    [kind]                  a list
    {str: kind}             an object with any names
    {"name": kind, ...}     an object with these fields, and perhaps others
    (kind, ..., None)       alternatives; with None, null or no field at all
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping

from fcn_repro.system.untrusted_files import read_text

NOTE_BYTES = 16_000_000  # the largest note that is read
NAMES = {str: "text", int: "an integer", float: "a number", bool: "true or false", None: "null"}
SHOWN = 60  # characters of a wrong value in a message


def read_note(
    path: Path, fields: Mapping[str, Any], fix: str, error: type[Exception] = ValueError, limit: int = NOTE_BYTES
) -> dict[str, Any]:
    """Read the JSON object in a file and check its fields; `fix` is the command that writes the file again.

    Fields that may be missing are None in the result, and fields that `fields` does not name are kept.

    Raises   `error`, with the message of `describe_mismatch`, for a missing, damaged, oversized or invalid file
    """
    try:
        note = json.loads(read_text(path, limit))
    except FileNotFoundError as cause:
        raise error(f"{path}: missing. Fix: {fix}") from cause
    except (OSError, ValueError, RecursionError) as cause:
        reason = str(cause).replace(f"{path}: ", "")
        raise error(f"{path}: {type(cause).__name__}: {reason}; expected a JSON object. Fix: {fix}") from cause
    mismatch = find_mismatch(note, dict(fields))
    if mismatch:
        raise error(describe_mismatch(path, *mismatch, fix))
    return {**{name: None for name in fields}, **note}


def describe_mismatch(path: Path, field: str, found: Any, expected: str, fix: str) -> str:
    """Return the message about a wrong field: the file, the field, what was found and expected, and the fix."""
    shown = repr(found)
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
    return f"{path}: {field + ': ' if field else ''}got {shown}, expected {expected}. Fix: {fix}"


def find_mismatch(value: Any, kind: Any, field: str = "") -> tuple[str, Any, str] | None:
    """Return the first wrong field, its value and what was expected; None if `value` is of the kind."""
    if isinstance(kind, tuple):
        if any(find_mismatch(value, each, field) is None for each in kind):
            return None
        kinds = [each for each in kind if each is not None]
        return find_mismatch(value, kinds[0], field) if len(kinds) == 1 else (field, value, _describe(kind))
    if isinstance(kind, list) and isinstance(value, list):
        items = ((item, kind[0], f"{field}[{i}]") for i, item in enumerate(value))
    elif isinstance(kind, dict) and isinstance(value, dict):
        named = kind if str not in kind else dict.fromkeys(value, kind[str])
        items = ((value.get(name), each, f"{field}.{name}" if field else name) for name, each in named.items())
    else:
        return None if _is_of(value, kind) else (field, value, _describe(kind))
    return next((found for found in (find_mismatch(*item) for item in items) if found), None)


def _is_of(value: Any, kind: Any) -> bool:
    if kind is None:
        return value is None
    if isinstance(value, bool) or not isinstance(kind, type):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _describe(kind: Any) -> str:
    if isinstance(kind, tuple):
        return " or ".join(_describe(each) for each in kind)
    return "a list" if isinstance(kind, list) else "an object" if isinstance(kind, dict) else NAMES[kind]
