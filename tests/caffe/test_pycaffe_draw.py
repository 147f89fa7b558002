import sys
from types import SimpleNamespace

import pytest

from fcn_repro.caffe import draw
from fcn_repro.caffe.proto import caffe_pb2, prototxt

NET = prototxt.parse(
    """name: "n"
    layer { name: "data" type: "Data" top: "data" include { phase: TRAIN } data_param { batch_size: 64 } }
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 } param { lr_mult: 2 }
            convolution_param { num_output: 8 kernel_size: 5 pad: 2 } }
    layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
    layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
            pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
    layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 10 } }""",
    caffe_pb2.NetParameter,
    "drawn",
)
LAYERS = {layer.name: layer for layer in NET.layer}


class Graph(list):
    """Replaces pydot's Dot; a list of nodes and edges."""

    def __init__(self, name: str, **options: object) -> None:
        super().__init__()
        self.name, self.options = name, options
        self.add_node = self.add_edge = self.append

    def create(self, format: str) -> bytes:
        return format.encode()


@pytest.fixture
def pydot(monkeypatch):
    module = SimpleNamespace(
        Dot=Graph,
        Node=lambda name, **style: ("node", name.strip('"'), style),
        Edge=lambda tail, head, label: (tail.strip('"'), head.strip('"'), label.strip('"')),
    )
    monkeypatch.setitem(sys.modules, "pydotplus", None)
    monkeypatch.setitem(sys.modules, "pydot", module)


def test_layers_are_coloured_records_and_blobs_octagons(pydot):
    graph = draw.get_pydot_graph(NET, "TB")
    styles = {item[1]: (item[2]["shape"], item[2]["fillcolor"]) for item in graph if item[0] == "node"}
    assert styles == {
        "data_Data": ("record", "#6495ED"),
        "conv_Convolution": ("record", "#FF5050"),
        "relu_ReLU": ("record", "#90EE90"),
        "pool_Pooling": ("record", "#FF9900"),
        "fc_InnerProduct": ("record", "#CC33FF"),
        **{f"{blob}_blob": ("octagon", "#E0E0E0") for blob in ("data", "conv", "pool", "fc")},
    }
    assert (graph.name, graph.options) == ("n", {"graph_type": "digraph", "rankdir": "TB"})


def test_edges_show_the_number_of_outputs(pydot):
    labels = {item[:2]: item[2] for item in draw.get_pydot_graph(NET, "TB") if item[0] != "node"}
    assert labels["data_Data", "data_blob"] == "Batch 64"
    assert labels["conv_Convolution", "conv_blob"] == "8"
    assert labels["fc_InnerProduct", "fc_blob"] == "10"
    assert labels["data_blob", "conv_Convolution"] == labels["pool_Pooling", "pool_blob"] == ""
    bare = [item[2] for item in draw.get_pydot_graph(NET, "TB", label_edges=False) if item[0] != "node"]
    assert set(bare) == {""}


def test_a_phase_excludes_layers_of_the_other(pydot):
    names = [item[1] for item in draw.get_pydot_graph(NET, "TB", phase=caffe_pb2.TEST)]
    assert "data_Data" not in names and "conv_Convolution" in names


def test_labels_describe_windows():
    label = '"conv (Convolution) kernel size: 5 stride: 1 pad: 2'
    assert draw.get_layer_label(LAYERS["conv"], "TB") == label + '"'
    assert draw.get_layer_label(LAYERS["conv"], "TB", display_lrm=True) == label + ' lr mult: 1.0, 2.0"'
    assert draw.get_layer_label(LAYERS["pool"], "LR") == r'"pool\n(Pooling AVE)\nkernel size: 3\nstride: 2\npad: 0"'


def test_learning_rate_multipliers_default_to_one():
    assert draw.get_layer_lr_mult(LAYERS["fc"]) == (1.0, 1.0)
    with pytest.raises(ValueError, match="ReLU layers do not have a learning rate multiplier"):
        draw.get_layer_lr_mult(LAYERS["relu"])


def test_the_files_extension_selects_the_format(pydot, tmp_path):
    draw.draw_net_to_file(NET, str(tmp_path / "net.svg"))
    assert (tmp_path / "net.svg").read_bytes() == b"svg"


def test_without_pydot_the_error_names_it_and_an_alternative(monkeypatch):
    for name in ("pydot", "pydotplus"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="needs pydot .* python -m tools.draw needs neither"):
        draw.get_pydot_graph(NET, "LR")
