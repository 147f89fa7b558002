"""What every HTML page here is made with: a Jinja2 environment, and images inside the page."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

from PIL import Image


def make_environment(templates: Path) -> Any:
    """Make the Jinja2 environment of a folder of templates; it escapes every text and refuses undefined names."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(templates)), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def encode_png(image: Image.Image) -> bytes:
    """Encode an image as a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def make_data_url(png: bytes) -> str:
    """Return the URL of a PNG file that the page itself holds."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
