"""Every layer of the engine with an ONNX form computes the same in ONNX Runtime, for every case of the layer tables."""

from __future__ import annotations

import re

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.model.exchange import onnx_files
from fcn_repro.model.exchange.graph import build_graph
from tests.fixtures.layers import activation, common, normalization, utility, vision

REFUSED = {"Convolution", "Deconvolution", "Filter", "SPP", "Dropout", "Silence", "Split", "Python"}
VISION = {"Im2col", "MVN", "Pooling"}  # some forms have no equivalent
TABLES = (activation, common, normalization, utility, vision)
CASES = [case for table in TABLES for case in table.CASES if case.type not in REFUSED and not case.in_place]


def group_by_type():
    types = sorted({case.type for case in CASES})
    return {type_: [case for case in CASES if case.type == type_] for type_ in types}


GROUPS = group_by_type()


def compare(case, path) -> int:
    """Export a case and compare its tops on its bottoms; returns the number of compared values."""
    path.write_text(case.text)
    caffe.set_random_seed(1)
    net = caffe.Net(str(path), caffe.TEST)
    bottoms = [name for name in net.inputs]
    names = [f"b{index}" for index in range(len(case.bottoms))]
    for name, values in zip(names, case.draw()[0], strict=True):
        if name in bottoms:
            net.blobs[name].data[...] = values
        else:
            net.params[name][0].data[...] = values
    graph = build_graph(text_format.Parse(case.text, caffe.proto.caffe_pb2.NetParameter()), net)
    onnx_files.write(path.with_suffix(".onnx"), graph, None)
    inputs = {name: net.blobs[name].data.copy() for name in bottoms}
    here = net.forward()
    there = onnx_files.run(path.with_suffix(".onnx"), inputs)
    assert list(there) == list(graph.outputs)
    for name, value in there.items():
        assert value.shape == here[name].shape
        np.testing.assert_allclose(value, here[name], rtol=2e-4, atol=2e-5, err_msg=str(case))
    return sum(value.size for value in there.values())


REFUSALS = "has its channels elsewhere|pools with STOCHASTIC|is a mask of pooling|normalises single numbers"


@pytest.mark.parametrize("type_", GROUPS)
def test_a_layer_computes_the_same_in_onnx(type_, tmp_path):
    compared = 0
    for case in GROUPS[type_]:
        try:
            compared += compare(case, tmp_path / "net.prototxt")
        except ValueError as error:
            assert type_ in VISION and re.search(REFUSALS, str(error)), case
    assert compared
