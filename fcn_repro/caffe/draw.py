"""pycaffe's drawing of nets with graphviz: needs the package pydot (or pydotplus), and `dot` to render.

`python -m tools.draw` needs neither.

Source   caffe 9b89154 python/caffe/draw.py
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from fcn_repro.caffe.proto import caffe_pb2

LAYER_STYLE = {"shape": "record", "fillcolor": "#6495ED", "style": "filled"}
NEURON_LAYER_STYLE = {"shape": "record", "fillcolor": "#90EE90", "style": "filled"}
BLOB_STYLE = {"shape": "octagon", "fillcolor": "#E0E0E0", "style": "filled"}
LEARNING = ("Convolution", "Deconvolution", "InnerProduct")
COLOURS = {"Convolution": "#FF5050", "Deconvolution": "#FF5050", "Pooling": "#FF9900", "InnerProduct": "#CC33FF"}


def draw_net_to_file(
    caffe_net: Any, filename: str, rankdir: str = "LR", phase: int | None = None, display_lrm: bool = False
) -> None:
    """Draw a NetParameter into a file; its extension selects the format."""
    extension = filename[filename.rfind(".") + 1 :]
    drawing = draw_net(caffe_net, rankdir, extension, phase, display_lrm)
    with open(filename, "wb") as file:
        file.write(drawing)


def draw_net(
    caffe_net: Any, rankdir: str, ext: str = "png", phase: int | None = None, display_lrm: bool = False
) -> bytes:
    """Return a NetParameter drawn in one of graphviz's formats."""
    return get_pydot_graph(caffe_net, rankdir, phase=phase, display_lrm=display_lrm).create(format=ext)


def get_pydot_graph(
    caffe_net: Any, rankdir: str, label_edges: bool = True, phase: int | None = None, display_lrm: bool = False
) -> Any:
    """Return a pydot graph: a record per layer, an octagon per blob.

    `rankdir` is graphviz's direction (LR, TB, ...); `phase` None draws the layers of both phases; `display_lrm` writes
    learning-rate multipliers into the layers.

    Raises   ImportError when neither pydot nor pydotplus is installed
    """
    pydot = _pydot()
    graph = pydot.Dot(caffe_net.name if caffe_net.name else "Net", graph_type="digraph", rankdir=rankdir)
    blobs: dict[str, None] = {}
    edges = []
    for layer in caffe_net.layer:
        if phase is not None and not _is_in(layer, phase):
            continue
        node = f'"{layer.name}_{layer.type}"'
        in_place = len(layer.bottom) == 1 and list(layer.bottom) == list(layer.top)
        style = NEURON_LAYER_STYLE if in_place else {**LAYER_STYLE, "fillcolor": choose_color_by_layertype(layer.type)}
        graph.add_node(pydot.Node(node, label=get_layer_label(layer, rankdir, display_lrm), **style))
        edges += [(_blob(bottom), node, '""') for bottom in layer.bottom]
        edges += [(node, _blob(top), get_edge_label(layer) if label_edges else '""') for top in layer.top]
        blobs.update(dict.fromkeys([*layer.bottom, *layer.top]))
    for blob in blobs:
        graph.add_node(pydot.Node(_blob(blob), label=f'"{blob}"', **BLOB_STYLE))
    for source, target, label in edges:
        graph.add_edge(pydot.Edge(source, target, label=label))
    return graph


def _blob(name: str) -> str:
    return f'"{name}_blob"'


def get_layer_label(layer: Any, rankdir: str, display_lrm: bool = False) -> str:
    """Return the text of a layer's record: name, type, and the window's kernel, stride and pad."""
    lines = [layer.name, f"({layer.type})"]
    if layer.type == "Pooling":
        window = layer.pooling_param
        lines[1] = f"({layer.type} {get_pooling_types_dict()[window.pool]})"
        lines += [f"kernel size: {window.kernel_size}", f"stride: {window.stride}", f"pad: {window.pad}"]
    elif layer.type in ("Convolution", "Deconvolution"):
        window = layer.convolution_param
        kernel, stride, pad = (*window.kernel_size, 1)[0], (*window.stride, 1)[0], (*window.pad, 0)[0]
        lines += [f"kernel size: {kernel}", f"stride: {stride}", f"pad: {pad}"]
    if display_lrm and layer.type in LEARNING:
        lines.append("lr mult: {:.1f}, {:.1f}".format(*get_layer_lr_mult(layer)))
    return '"{}"'.format((" " if rankdir in ("TB", "BT") else "\\n").join(lines))


def get_layer_lr_mult(layer: Any) -> tuple[float, float]:
    """Return the learning-rate multipliers of weights and biases.

    Raises   ValueError for a layer type without multipliers, or for more than two
    """
    if layer.type not in LEARNING:
        raise ValueError(f"{layer.type} layers do not have a learning rate multiplier")
    if len(layer.param) > 2:
        raise ValueError(f"layer {layer.name!r} has {len(layer.param)} learning rate multipliers; expected at most 2")
    weights, biases = (*(spec.lr_mult for spec in layer.param), 1.0, 1.0)[:2]
    return weights, biases


def get_edge_label(layer: Any) -> str:
    """Return the text on the edges to a layer's tops: its number of outputs, or of images in a batch."""
    if layer.type == "Data":
        return f"Batch {layer.data_param.batch_size}"
    if layer.type in ("Convolution", "Deconvolution"):
        return str(layer.convolution_param.num_output)
    if layer.type == "InnerProduct":
        return str(layer.inner_product_param.num_output)
    return '""'


def get_pooling_types_dict() -> dict[int, str]:
    """Return the names of the pooling methods by number."""
    return {number: name for name, number in caffe_pb2.PoolingParameter.PoolMethod.items()}


def choose_color_by_layertype(layertype: str) -> str:
    """Return the colour of a layer's record."""
    return COLOURS.get(layertype, LAYER_STYLE["fillcolor"])


def _is_in(layer: Any, phase: int) -> bool:
    if layer.include:
        return any(not rule.HasField("phase") or rule.phase == phase for rule in layer.include)
    return not any(rule.HasField("phase") and rule.phase == phase for rule in layer.exclude)


def _pydot() -> ModuleType:
    for name in ("pydotplus", "pydot"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("caffe.draw needs pydot (pip install pydot) and graphviz; python -m tools.draw needs neither")
