"""A net's diagram: what draws a NetParameter and writes it to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fcn_repro.drawing.net_diagram.graph import build_graph
from fcn_repro.drawing.net_diagram.layout import place_graph
from fcn_repro.drawing.net_diagram.png import render_png
from fcn_repro.drawing.net_diagram.shapes import Sheet, make_sheet, measure_box
from fcn_repro.drawing.net_diagram.svg import render_svg
from fcn_repro.system.atomic_write import atomic_write

SUFFIXES = (".svg", ".png")


def draw_net(net: Any, phase: int | None, title: str) -> Sheet:
    """Draw the layers of a NetParameter (format `layer`) in a phase, caffe.TRAIN or caffe.TEST; None draws all."""
    if phase is None:
        kept, phase = net, 0
        net = type(kept)()
        net.CopyFrom(kept)
        for layer in net.layer:
            layer.ClearField("include")
            layer.ClearField("exclude")
    return make_sheet(place_graph(build_graph(net, phase), measure_box), title)


def write_diagram(sheet: Sheet, path: Path) -> None:
    """Write a diagram as SVG or PNG, by the suffix of its path.

    Raises   ValueError for another suffix
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: got suffix {path.suffix!r}, expected one of {', '.join(SUFFIXES)}")
    with atomic_write(path, "wb") as file:
        if path.suffix == ".png":
            render_png(sheet).save(file, "PNG")
        else:
            file.write(render_svg(sheet).encode())
