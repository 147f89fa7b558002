"""A diagram as SVG."""

from __future__ import annotations

from html import escape
from typing import Sequence

from fcn_repro.drawing.net_diagram.layout import Point
from fcn_repro.drawing.net_diagram.shapes import Line, Polygon, Rectangle, Shape, Sheet, Text

FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


def render_svg(sheet: Sheet) -> str:
    """Render a diagram as the text of an SVG file."""
    size = f'width="{sheet.width:.0f}" height="{sheet.height:.0f}"'
    box = f"0 0 {sheet.width:.0f} {sheet.height:.0f}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="{box}" font-family="{FONT}">',
            f'<rect {size} fill="{sheet.paper}"/>',
            *(_element(shape) for shape in sheet.shapes),
            "</svg>\n",
        ]
    )


def _element(shape: Shape) -> str:
    if isinstance(shape, Rectangle):
        place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}"'
        layer = f' data-layer="{escape(shape.layer)}"' if shape.layer else ""
        return f'<rect {place} rx="4" fill="{shape.fill}" stroke="{shape.edge}"{layer}/>'
    if isinstance(shape, Line):
        pen = f'fill="none" stroke="{shape.colour}" stroke-width="{shape.thickness:g}"'
        return f'<polyline points="{_points(shape.points)}" {pen}/>'
    if isinstance(shape, Polygon):
        return f'<polygon points="{_points(shape.points)}" fill="{shape.colour}"/>'
    assert isinstance(shape, Text)
    weight = ' font-weight="bold"' if shape.bold else ""
    anchor = f' text-anchor="{shape.anchor}"'
    place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}"'
    return f'<text {place} fill="{shape.colour}"{weight}{anchor}>{escape(shape.text)}</text>'


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
