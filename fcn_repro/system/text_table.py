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
HEADER_PADDING = 2  # spaces that tabulate adds to a header


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
    numeric = [_is_numeric(column) for column in zip(*cells)]
    limits, header_limits = _limit_widths(cells, headers, numeric) if is_text and cells else (None, None)
    table = tabulate.tabulate(
        [[_escape(cell, format) for cell in row] for row in cells],
        headers,
        tablefmt="simple" if is_text else format,
        disable_numparse=True,
        colalign=["right" if is_number else "left" for is_number in numeric] if cells else None,
        maxcolwidths=limits,
        maxheadercolwidths=header_limits,
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


def _limit_widths(
    cells: Sequence[Sequence[str]], headers: Sequence[str], numeric: Sequence[bool]
) -> tuple[list[int | None], list[int] | None]:
    """Return limits of the columns' cells and of their headers with which a line has at most WIDTH characters.

    Headers are wrapped first, then the cells of words, the widest column first.
    """
    contents = [max(map(len, column)) for column in zip(*cells)]
    limits: list[int | None] = [None] * len(headers)
    if _line_width([len(header) for header in headers], contents) <= WIDTH:
        return limits, None
    words = [max(map(len, header.split()), default=0) for header in headers]
    header_limits = [max(pair) for pair in zip(words, contents)]
    excess = _line_width(words, contents) - WIDTH
    for i in sorted(range(len(headers)), key=lambda i: -contents[i]):
        if excess > 0 and not numeric[i] and contents[i] > NARROWEST:
            width = max(contents[i] - excess, NARROWEST, words[i])
            excess -= contents[i] - width
            limits[i] = header_limits[i] = width
    return limits, header_limits


def _line_width(headers: Sequence[int], contents: Sequence[int]) -> int:
    widths = [max(header + HEADER_PADDING, content) for header, content in zip(headers, contents)]
    return sum(widths) + 2 * (len(widths) - 1)
