"""Any JSON value: single values become a list, equally built entries a table, all else is nested."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from fcn_repro.analysis.html_report.markup import Markup, join, table, tag

MOST_ROWS, DEEPEST = 500, 6


def shown(value: Any, depth: int = 0) -> Markup:
    """Any JSON value."""
    if depth > DEEPEST:
        return tag("p", "\u2026")
    if isinstance(value, Mapping):
        if _is_table(list(value.values())):
            return _table([{"": key, **entry} for key, entry in value.items()])
        return _fields(value, depth)
    if isinstance(value, list):
        if _is_table(value):
            return _table(value)
        if all(_is_single(each) for each in value):
            return tag("p", ", ".join(map(text, value)))
        return join([shown(each, depth + 1) for each in value[:MOST_ROWS]])
    return tag("p", text(value))


def _fields(value: Mapping[str, Any], depth: int) -> Markup:
    """Single values first, the others under headings."""
    single = {key: each for key, each in value.items() if _is_single(each)}
    pairs = [(tag("dt", name(key)), tag("dd", text(each))) for key, each in single.items()]
    others = [(tag("h4", name(key)), shown(each, depth + 1)) for key, each in value.items() if key not in single]
    return join([tag("dl", pairs) if pairs else None, others])


def _table(entries: Sequence[Mapping[str, Any]]) -> Markup:
    columns = list(dict.fromkeys(key for entry in entries for key in entry))
    numeric = {c for c in columns if all(is_number(entry.get(c)) or entry.get(c) is None for entry in entries)}
    head = tag("tr", [tag("th", name(c), scope="col", class_="number" if c in numeric else None) for c in columns])
    rows = [
        tag("tr", [tag("td", text(entry.get(c)), class_="number" if c in numeric else None) for c in columns])
        for entry in entries[:MOST_ROWS]
    ]
    left_out = len(entries) - len(rows)
    return join([table(head, rows), tag("p", f"{left_out} more", class_="small") if left_out else None])


def _is_table(values: Sequence[Any]) -> bool:
    """Whether these are entries of single values, with columns in common."""
    if not values or not all(isinstance(value, dict) and value for value in values):
        return False
    return all(_is_single(each) for value in values for each in value.values()) and bool(
        set.intersection(*map(set, values))
    )


def _is_single(value: Any) -> bool:
    return not isinstance(value, (dict, list))


def is_number(value: Any) -> bool:
    """Whether it is a number, as true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def text(value: Any) -> str:
    """A single value in print."""
    if value is None:
        return "\u2013"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def name(key: str) -> str:
    """A field's name in print."""
    return key.replace("_", " ")
