"""A diagram as pixels, painted large and reduced for smooth edges."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from fcn_repro.drawing.net_diagram.shapes import Line, Polygon, Rectangle, Shape, Sheet, Text

SCALE = 2  # pixels of the image per pixel of the diagram
SMOOTH = 2  # factor by which it is painted larger


def render_png(sheet: Sheet) -> Image.Image:
    """Render a diagram as an RGB image."""
    size = round(sheet.width * SCALE), round(sheet.height * SCALE)
    page = Image.new("RGB", (size[0] * SMOOTH, size[1] * SMOOTH), sheet.paper)
    draw = ImageDraw.Draw(page)
    for shape in sheet.shapes:
        _paint(draw, shape, SCALE * SMOOTH)
    return page.resize(size, Image.Resampling.LANCZOS)


def _paint(draw: ImageDraw.ImageDraw, shape: Shape, scale: int) -> None:
    if isinstance(shape, Rectangle):
        corners = (shape.x, shape.y, shape.x + shape.width, shape.y + shape.height)
        draw.rounded_rectangle([c * scale for c in corners], 4 * scale, shape.fill, shape.edge, scale)
    elif isinstance(shape, Line):
        points, thickness = [(x * scale, y * scale) for x, y in shape.points], round(shape.thickness * scale)
        draw.line(points, shape.colour, thickness, joint="curve")
    elif isinstance(shape, Polygon):
        draw.polygon([(x * scale, y * scale) for x, y in shape.points], shape.colour)
    elif isinstance(shape, Text):
        font = ImageFont.load_default(shape.size * scale)
        anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
        bold = round(scale / 4) if shape.bold else 0
        draw.text((shape.x * scale, shape.y * scale), shape.text, shape.colour, font, anchor, stroke_width=bold)
