"""Tables of text: aligned columns for a terminal, Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv
import io
import re
from typing import Sequence

FORMATS = ("text", "github", "latex", "csv")
WIDTH = 120  # characters of a line of text; longer cells of words are wrapped
NARROWEST = 16  # characters that a wrapped column keeps

_NUMBER = re.compile(r"[-+\u2212]?[\d.,]+(e[-+]?\d+)?[?%x]?|")
_INDENT = "\ue000"  # for private use: tabulate strips spaces, but not this one
_HEADER_PADDING = 2  # spaces that tabulate adds to a header


def format_table(rows: Sequence[Sequence[object]], headers: Sequence[str], format: str = "text") -> str:
    """Format rows of cells under headers, without a final line break.

    Columns of numbers are aligned right, all others left. Cells are printed as they are: None as nothing. In format
    `text`, leading spaces indent a cell, and a line has at most WIDTH characters as long as its words can be wrapped.

    Raises   ValueError for an unknown format or for rows of different lengths
    """
    if format not in FORMATS:
        raise ValueError(f"table format: got {format!r}, expected one of {', '.join(FORMATS)}")
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    for row in cells:
        if len(row) != len(headers):
            raise ValueError(f"table row {row}: got {len(row)} cells, expected {len(headers)}")
    if format == "csv":
        return _format_csv([list(headers), *([cell.strip() for cell in row] for row in cells)])
    import tabulate  # here: CSV needs no library

    is_text = format == "text"
    widths = _limit_widths(cells, headers) if is_text else None
    table = tabulate.tabulate(
        [[_escape(cell, format) for cell in row] for row in cells],
        headers,
        tablefmt="simple" if is_text else format,
        disable_numparse=True,
        colalign=["right" if _is_numeric(column) else "left" for column in zip(*cells)] if cells else None,
        maxcolwidths=widths if cells else None,
    )
    lines = [line.rstrip() for line in table.replace(_INDENT, " ").splitlines()]
    return "\n".join(lines)


def _format_csv(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue().rstrip("\n")


def _is_numeric(column: Sequence[str]) -> bool:
    return any(column) and all(_NUMBER.fullmatch(cell.strip()) for cell in column)


def _escape(cell: str, format: str) -> str:
    if format == "github":
        return cell.strip().replace("|", "\\|")
    if format == "latex":
        return cell.strip()
    words = cell.lstrip(" ")
    return _INDENT * (len(cell) - len(words)) + words


def _limit_widths(cells: Sequence[Sequence[str]], headers: Sequence[str]) -> list[int | None]:
    """Return a width for each column that must be wrapped, the widest column of words first."""
    widths = [max([len(header) + _HEADER_PADDING, *map(len, column)]) for header, *column in zip(headers, *cells)]
    limits: list[int | None] = [None] * len(widths)
    numeric = [_is_numeric(column) for column in zip(*cells)] or [False] * len(widths)
    excess = sum(widths) + 2 * (len(widths) - 1) - WIDTH
    for i in sorted(range(len(widths)), key=lambda i: -widths[i]):
        if excess > 0 and not numeric[i] and widths[i] > NARROWEST:
            limits[i] = max(widths[i] - excess, NARROWEST)
            excess -= widths[i] - (limits[i] or 0)
    return limits
