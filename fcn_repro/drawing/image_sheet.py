"""Pictures written whole, and set side by side on a sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from PIL import Image, ImageDraw, ImageFont

from fcn_repro.system.atomic_write import atomic_write

MARGIN, TITLE = 8, 16  # pixels around a picture, and above the first row
PAPER, INK = (255, 255, 255), (0, 0, 0)


def save(path: Path, picture: Image.Image) -> None:
    """Write a picture as PNG, whole or not at all; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "wb") as file:
        picture.save(file, format="PNG")


def sheet(titles: Sequence[str], rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Pictures in a grid, each column under its title; a row is as high and a column as wide as its largest picture.

    Raises   ValueError when a row has not as many pictures as there are titles.
    """
    for number, row in enumerate(rows):
        if len(row) != len(titles):
            raise ValueError(f"row {number} has {len(row)} pictures; expected {len(titles)}: {', '.join(titles)}")
    draw = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    font = ImageFont.load_default()
    widths = [
        max([int(draw.textlength(title, font)) + 1, *(row[i].width for row in rows)]) for i, title in enumerate(titles)
    ]
    heights = [max(picture.height for picture in row) for row in rows]
    lefts, tops = _starts(widths, MARGIN), _starts(heights, 2 * MARGIN + TITLE)
    page = Image.new("RGB", (lefts[-1], tops[-1]), PAPER)
    draw = ImageDraw.Draw(page)
    for left, title in zip(lefts, titles):
        draw.text((left, MARGIN), title, INK, font)
    for top, row in zip(tops, rows):
        for left, picture in zip(lefts, row):
            page.paste(picture.convert("RGB"), (left, top))
    return page


def _starts(sizes: Sequence[int], first: int) -> list[int]:
    """Where each of the pictures in a row begins, and where the page ends."""
    starts = [first]
    for size in sizes:
        starts.append(starts[-1] + size + MARGIN)
    return starts
