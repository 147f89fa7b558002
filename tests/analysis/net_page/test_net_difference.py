"""Layers and lines are the same, added, removed or changed."""

from google.protobuf import text_format

from fcn_repro.analysis.net_page.net_difference import compare_layers, compare_texts
from fcn_repro.caffe.proto import caffe_pb2


def net(text):
    return text_format.Parse(text, caffe_pb2.NetParameter())


def test_layers_are_compared_by_name_and_content():
    new = net('layer { name: "a" type: "ReLU" } layer { name: "b" type: "TanH" } layer { name: "d" }')
    old = net('layer { name: "a" type: "ReLU" } layer { name: "b" type: "ReLU" } layer { name: "c" }')
    kinds, old_kinds = compare_layers(new, old)
    assert kinds == {"a": "same", "b": "changed", "d": "added"}
    assert old_kinds == {"a": "same", "b": "changed", "c": "removed"}


def test_every_line_of_both_texts_is_listed_once_and_in_order():
    new, old = ["a", "x", "c", "d"], ["a", "b", "c", "e", "f"]
    lines = list(compare_texts(new, old))
    assert [line.text for line in lines if line.number] == new
    assert [line.text for line in lines if line.old_number] == old
    assert [(line.kind, line.text) for line in lines] == [
        *[("same", "a"), ("removed", "b"), ("added", "x"), ("same", "c")],
        *[("removed", "e"), ("removed", "f"), ("added", "d")],
    ]
