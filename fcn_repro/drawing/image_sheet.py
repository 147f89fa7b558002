"""Sheets of images: a titled grid."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from PIL import Image, ImageDraw, ImageFont

from fcn_repro.system.atomic_write import atomic_write

MARGIN, TITLE = 8, 16  # pixels around an image, and above the first row
PAPER, INK = (255, 255, 255), (0, 0, 0)


def save_png(path: Path, image: Image.Image) -> None:
    """Write an image as PNG, atomically; creates missing folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "wb") as file:
        image.save(file, format="PNG")


def make_sheet(titles: Sequence[str], rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Make a grid of images with a title above each column; rows and columns fit their largest image.

    Raises   ValueError for a row whose length differs from the number of titles
    """
    for number, row in enumerate(rows):
        if len(row) != len(titles):
            raise ValueError(f"row {number}: got {len(row)} images, expected {len(titles)}: {', '.join(titles)}")
    draw = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    font = ImageFont.load_default()
    widths = [
        max([int(draw.textlength(title, font)) + 1, *(row[i].width for row in rows)]) for i, title in enumerate(titles)
    ]
    heights = [max(image.height for image in row) for row in rows]
    lefts, tops = _starts(widths, MARGIN), _starts(heights, 2 * MARGIN + TITLE)
    page = Image.new("RGB", (lefts[-1], tops[-1]), PAPER)
    draw = ImageDraw.Draw(page)
    for left, title in zip(lefts, titles):
        draw.text((left, MARGIN), title, INK, font)
    for top, row in zip(tops, rows):
        for left, image in zip(lefts, row):
            page.paste(image.convert("RGB"), (left, top))
    return page


def _starts(sizes: Sequence[int], first: int) -> list[int]:
    """Return where each image of a row begins, and where the page ends."""
    starts = [first]
    for size in sizes:
        starts.append(starts[-1] + size + MARGIN)
    return starts
