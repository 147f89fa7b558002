"""The page of a net, or of two nets beside each other."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from fcn_repro.analysis.net_page.layer_facts import describe_layers
from fcn_repro.analysis.net_page.net_difference import ADDED, CHANGED, REMOVED, SAME, compare_layers, compare_texts
from fcn_repro.analysis.net_page.prototxt_lines import Lines, find_layer_lines
from fcn_repro.analysis.net_page.sized_net import Size, SizedNet, build_sized_net
from fcn_repro.analysis.net_page.weight_images import describe_weights
from fcn_repro.drawing.net_diagram.diagram import draw_net
from fcn_repro.drawing.net_diagram.svg import render_svg
from fcn_repro.drawing.web_page import make_environment

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class NetSource:
    """A prototxt: its name on the page, text and NetParameter, the phase to show, and facts from outside.

    channels   of blobs that are read from data
    base_lr    of the solver; None if unknown
    """

    name: str
    text: str
    message: Any
    phase: int
    channels: Mapping[str, int]
    base_lr: float | None = None

    def build(self, size: Size) -> SizedNet:
        """Build the net for an image of `size`. Raises as `build_sized_net`."""
        return build_sized_net(self.message, self.phase, size, self.channels, self.name)

    def layer_lines(self, layers: Sequence[Any]) -> list[Lines | None]:
        """The lines of each of `layers`, which a phase includes; None for a layer that an upgrade has made."""
        found: list[Lines | None] = [*find_layer_lines(self.text)]
        made = len(self.message.layer) - len(found)  # Input layers in place of `input` fields
        if made < 0 or any(layer.type != "Input" for layer in self.message.layer[:made]):
            return [None] * len(layers)
        waiting = list(zip(self.message.layer, [None] * made + found))
        lines: list[Lines | None] = []
        for layer in layers:
            while waiting[0][0] != layer:
                waiting.pop(0)
            lines.append(waiting.pop(0)[1])
        return lines


def render_net_page(source: NetSource, size: Size, against: NetSource | None = None, weights: Any = None) -> str:
    """Render the page of a net as a whole HTML file.

    size      height and width of the image whose sizes are shown first
    against   another net, to compare with
    weights   a net of the engine with weights, whose filters are shown

    Raises   ValueError for a net that cannot take the image
    """
    sized = source.build(size)
    layers = describe_layers(sized.message, sized.net, sized.inputs)
    lines = source.layer_lines(sized.message.layer)
    old = against.build(size) if against else None
    kinds, old_kinds = compare_layers(sized.message, old.message) if old else ({}, {})
    blob = next((sized.net.blobs[name] for name in sized.inputs), None)
    data = {
        "size": [int(side) for side in blob.shape[2:]] if blob else list(size),
        "inputs": list(sized.inputs),
        "layers": [{**facts, "lines": span} for facts, span in zip(layers, lines)],
        "base_lr": source.base_lr,
        "kinds": kinds,
        "old_kinds": old_kinds,
        "weights": describe_weights(weights) if weights else {},
    }
    script, style = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("net.js", "net.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return make_environment(TEMPLATES).get_template("net.html.j2").render(
        source=source, against=against, data=data, script=script, style=style,
        policy=f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src 'sha256-{digest}'",
        drawing=_draw(source), old_drawing=_draw(against) if against else "",
        lines=_list_lines(source, against), counts=_count_kinds(kinds, old_kinds),
    )  # fmt: skip


def _draw(source: NetSource) -> str:
    """Draw a net as SVG, whose boxes name their layers."""
    return render_svg(draw_net(source.message, source.phase, source.name))


def _list_lines(source: NetSource, against: NetSource | None) -> Sequence[Any]:
    new = source.text.splitlines()
    return list(compare_texts(new, against.text.splitlines() if against else new))


def _count_kinds(kinds: Mapping[str, str], old_kinds: Mapping[str, str]) -> Mapping[str, int]:
    found = list(kinds.values())
    return {
        **{kind: found.count(kind) for kind in (ADDED, CHANGED, SAME)},
        REMOVED: list(old_kinds.values()).count(REMOVED),
    }
