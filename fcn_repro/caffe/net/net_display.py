"""A net in a notebook: its drawing, and tables of its blobs and parameters."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.drawing.net_diagram.diagram import draw_net
from fcn_repro.drawing.net_diagram.svg import render_svg as render_diagram

if TYPE_CHECKING:
    from fcn_repro.caffe.net.net import Net


def render_svg(net: Net) -> str:
    """Draw the layers that the net keeps, without the Split layers that it inserts."""
    param = caffe_pb2.NetParameter(layer=net._kept_layers)
    return render_diagram(draw_net(param, None, net.name or "Net"))


def render_html(net: Net) -> str:
    """Return the drawing, and tables of blobs and parameters with their shapes and numbers of values."""
    blobs = [(name, [blob]) for name, blob in net.blobs.items()]
    return f"{render_svg(net)}{_render_table('blob', blobs)}{_render_table('parameters of', net.params.items())}"


def _render_table(title: str, rows: Iterable[tuple[str, Iterable[Blob]]]) -> str:
    cells = [(name, ", ".join(" x ".join(map(str, b.dims)) or "scalar" for b in blobs), blobs) for name, blobs in rows]
    lines = [
        f"<tr><td>{escape(name)}</td><td>{shape}</td><td>{sum(blob.count for blob in blobs):,}</td></tr>"
        for name, shape, blobs in cells
    ]
    total = sum(blob.count for _, _, blobs in cells for blob in blobs)
    head = f"<tr><th>{title}</th><th>shape</th><th>values</th></tr>"
    return f"<table>{head}{''.join(lines)}<tr><th>total</th><th></th><th>{total:,}</th></tr></table>"
