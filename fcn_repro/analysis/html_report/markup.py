"""HTML elements out of text that may be anything.

tag("td", "a < b", class_="name")   <td class="name">a &lt; b</td>
"""

from __future__ import annotations

from html import escape
from typing import Iterable, Union

EMPTY = ("img", "meta", "br")  # elements without an end


class Markup(str):
    """Text that is HTML already; all other text is escaped."""


Content = Union[str, Iterable["Content"], None]


def tag(name: str, /, *content: Content, **attributes: str | int | None) -> Markup:
    """An element. `name` and the attributes' names are ours; content and values may come from anywhere.

    Content may be nested in lists; None is nothing. An attribute loses a last underscore, others become hyphens; with
    the value None it is left out.
    """
    written = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    start = f"<{name}{''.join(written)}>"
    return Markup(start if name in EMPTY else f"{start}{join(content)}</{name}>")


def join(content: Content) -> Markup:
    """Content as HTML."""
    if content is None:
        return Markup("")
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(escape(content))
    return Markup("".join(join(part) for part in content))


def table(head: Content, rows: Iterable[Content], class_: str | None = None) -> Markup:
    """A table in a box of its own that scrolls where the page is too narrow for it."""
    body = tag("table", tag("thead", head), tag("tbody", rows), class_=class_)
    return tag("div", body, class_="scroll", tabindex=0)
