"""Any JSON value on the page: tests and filters of the macro `show`."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

MAX_ROWS, MAX_DEPTH = 500, 6


def is_single(value: Any) -> bool:
    """Whether a value has no parts."""
    return not isinstance(value, (dict, list))


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_table(values: Sequence[Any]) -> bool:
    """Whether values are entries of single values with a column in common."""
    if not values or not all(isinstance(value, dict) and value for value in values):
        return False
    has_singles = all(is_single(each) for value in values for each in value.values())
    return has_singles and bool(set.intersection(*map(set, values)))


def list_columns(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool]]:
    """List the columns of entries, and whether each holds numbers only."""
    names = dict.fromkeys(key for entry in entries for key in entry)
    return [(n, all(is_number(entry.get(n)) or entry.get(n) is None for entry in entries)) for n in names]


def format_value(value: Any) -> str:
    """Format a single value."""
    if value is None:
        return "\u2013"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


TESTS = {
    "list_value": lambda value: isinstance(value, list),
    "list_of_singles": lambda value: all(map(is_single, value)),
    "table_of_entries": is_table,
}
FILTERS = {
    "text": format_value,
    "name": lambda key: key.replace("_", " "),
    "columns": list_columns,
    "single_keys": lambda value: [key for key, each in value.items() if is_single(each)],
    "with_keys": lambda value: [{"": key, **entry} for key, entry in value.items()],
}
