"""The lines of every layer in the text of a prototxt."""

from __future__ import annotations

import re
from typing import Iterator, Tuple

LAYER_FIELDS = ("layer", "layers")  # of the current format and of the older ones
_TOKEN = re.compile(r"""\#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}<>]|[A-Za-z_]\w*|\n|.""", re.DOTALL)

Lines = Tuple[int, int]  # first and last, counted from 1


def find_layer_lines(text: str) -> list[Lines]:
    """Find the first and last line of every layer, in the order of a text that protobuf reads without error."""
    found: list[Lines] = []
    depth, field, start = 0, "", 0
    for token, line in _tokens(text):
        if token in "{<":
            depth += 1
        elif token in "}>":
            depth -= 1
            if depth == 0 and field in LAYER_FIELDS:
                found.append((start, line))
        elif depth == 0 and (token[0].isalpha() or token[0] == "_"):
            field, start = token, line
    return found


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Return brackets and words with their lines; comments, texts and blanks are left out."""
    line = 1
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "\n":
            line += 1
        elif token in "{}<>" or token[0].isalpha() or token[0] == "_":
            yield token, line
