from xml.etree import ElementTree

from fcn_repro import caffe
from tests.fixtures.small_net import TRAINABLE, layer, small_net

SVG = "{http://www.w3.org/2000/svg}"
RULES = 'include { phase: TRAIN stage: "deep" } '
EXCLUDED = 'exclude { phase: TRAIN stage: "deep" } '


def texts(svg):
    return {text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")}


def test_a_net_draws_the_layers_that_it_keeps_without_splits(tmp_path):
    readers = layer("Power", "conv", "p", EXCLUDED, "kept") + layer("Power", "conv", "q", RULES, "dropped")
    net = small_net(tmp_path, TRAINABLE + readers)
    shown = texts(net._repr_svg_())
    assert {"small", "data", "conv", "ip", "loss", "kept"} <= shown and "dropped" not in shown
    assert not any("Split" in text for text in shown) and any("split" in name for name in net._layer_names)


def test_tables_list_every_blob_and_parameter_with_shape_and_number_of_values(tmp_path):
    net = small_net(tmp_path)
    html = net._repr_html_()
    blobs, params = (
        [row.split("</td><td>") for row in part.split("<tr><td>")[1:]] for part in html.split("<table>")[1:]
    )
    assert [row[0] for row in blobs] == list(net.blobs) and [row[0] for row in params] == list(net.params)
    assert blobs[0][1:2] == ["5 x 2 x 3 x 4"] and blobs[0][2].startswith("120<")
    assert params[0][1:2] == ["11 x 2 x 2 x 2, 11"] and params[0][2].startswith("99<")
    total = sum(blob.count for blobs in net.params.values() for blob in blobs)
    assert html.endswith(f"<th>{total:,}</th></tr></table>")


def test_names_are_escaped(tmp_path):
    name = "<script>alert(1)</script>"
    net = small_net(tmp_path, layer("DummyData", "", name, "dummy_data_param { shape { } }", name), caffe.TEST)
    assert (
        "<script>" not in net._repr_html_() and "&lt;script&gt;" in net._repr_html_() and "scalar" in net._repr_html_()
    )
