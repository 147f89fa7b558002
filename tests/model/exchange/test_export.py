"""Exported nets compute the same in other formats."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from PIL import Image

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.inference.segmenter import Segmenter
from fcn_repro.model.exchange import onnx_files
from fcn_repro.model.exchange.export import ExportModel
from fcn_repro.model.exchange.graph import build_graph
from fcn_repro.model.run_folder import RunFolder
from tests.fixtures.export_nets import CLASSES, WIDTHS, make_message, write_net


@pytest.fixture(scope="module", params=[*WIDTHS, "mini-vgg16"])
def model(request, tmp_path_factory):
    folder = RunFolder(request.param, tmp_path_factory.mktemp("build"))
    write_net(folder, text_format.MessageToString(make_message(request.param)))
    return ExportModel.from_folder(folder, folder.final)


@pytest.mark.parametrize("to", ["to_onnx", "to_torch"])
def test_a_net_computes_the_same_in_another_format(model, to, tmp_path):
    _, run = getattr(model, to)(tmp_path)
    found = model.compare(run)
    assert len(found) == 3
    for difference in found:
        assert difference.largest > 0
        assert difference.worst <= 1e-5 * difference.largest


@pytest.fixture
def small(tmp_path):
    name = "vgg16-8s"
    return write_net(RunFolder(name, tmp_path / "build"), text_format.MessageToString(make_message(name)))


def test_a_wrong_weight_shows_as_a_difference(small, tmp_path):
    model = ExportModel.from_folder(small, small.final)
    _, run = model.to_onnx(tmp_path)
    model._net.params["score_pool3"][0].data[0] += 1
    assert any(each.worst > 1e-3 * each.largest for each in model.compare(run))


def test_diagonal_interpolation_becomes_grouped_and_trained_upsampling_stays_dense(small):
    net = caffe.Net(str(small.deploy), caffe.TEST, weights=str(small.final))
    net.params["upscore2"][0].data[0, 1] += 0.5
    groups = {step.layer.name: step.group for step in build_graph(make_message("vgg16-8s"), net).steps}
    assert (groups["upscore8"], groups["upscore_pool4"], groups["upscore2"]) == (3, 3, 1)


def test_onnx_files_document_their_input_and_take_any_size(small, tmp_path):
    onnx = onnx_files.import_package("onnx")
    ((path,), _) = ExportModel.from_folder(small, small.final).to_onnx(tmp_path)
    found = onnx.load(str(path))
    props = {prop.key: prop.value for prop in found.metadata_props}
    assert props["mean_bgr"] == "[104.0, 117.0, 123.0]" and '"cow"' in props["classes"]
    (image,) = found.graph.input
    shape = [dim.dim_param or dim.dim_value for dim in image.type.tensor_type.shape.dim]
    assert shape == ["batch", 3, "height", "width"]


def test_the_module_labels_an_image_without_this_package(small, tmp_path):
    (module, weights), _ = ExportModel.from_folder(small, small.final).to_torch(tmp_path)
    arrays = torch.load(weights, weights_only=True)
    assert arrays["conv1_1.weight"].shape == (1, 3, 3, 3) and arrays["upscore8.weight"].shape == (3, 1, 16, 16)
    tree = ast.walk(ast.parse(module.read_text()))
    imported = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"sys", "numpy", "torch"}
    image_rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(image_rgb).save(tmp_path / "photo.png")
    command = [sys.executable, "-I", str(module), "photo.png", "labels.png"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    with Image.open(tmp_path / "labels.png") as labels:
        assert np.array_equal(np.asarray(labels), Segmenter(small.path)(image_rgb))
    assert set(printed.split()[::2]) <= set(CLASSES)


INPUT = 'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: [1, 3, 20, 20] } } } '
ODD = {
    "windows": """
      layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param {
        num_output: 4 kernel_h: 3 kernel_w: 5 pad_h: 1 pad_w: 2 stride: 2 dilation: [1, 2] bias_term: false } }
      layer { name: "r" type: "ReLU" bottom: "c" top: "c" relu_param { negative_slope: 0.1 } }
      layer { name: "p" type: "Pooling" bottom: "c" top: "p" pooling_param { pool: AVE kernel_size: 3 pad: 1 } }
      layer { name: "score" type: "Softmax" bottom: "p" top: "score" }""",
    "sums": """
      layer { name: "e" type: "Eltwise" bottom: "data" bottom: "data" top: "e" eltwise_param { coeff: [0.5, 2] } }
      layer { name: "m" type: "Eltwise" bottom: "e" bottom: "data" top: "m" eltwise_param { operation: MAX } }
      layer { name: "x" type: "Eltwise" bottom: "m" bottom: "data" top: "x" eltwise_param { operation: PROD } }
      layer { name: "s" type: "Scale" bottom: "x" top: "x" scale_param { bias_term: true } }
      layer { name: "g" type: "Pooling" bottom: "x" top: "g" pooling_param { pool: AVE global_pooling: true } }""",
    "rounding up": """
      layer { name: "m" type: "Pooling" bottom: "data" top: "m" pooling_param { kernel_size: 3 stride: 2 pad: 1 } }
      layer { name: "p" type: "Pooling" bottom: "m" top: "p" pooling_param { kernel_size: 2 stride: 2 pool: AVE } }
      layer { name: "q" type: "Pooling" bottom: "p" top: "q"
        pooling_param { kernel_size: 5 stride: 3 pad: 2 pool: AVE } }""",
    "crops": """
      layer { name: "up" type: "Deconvolution" bottom: "data" top: "up"
        convolution_param { num_output: 3 kernel_size: 4 stride: 2 pad: 1 group: 3 } }
      layer { name: "2/cut" type: "Crop" bottom: "up" bottom: "data" top: "2/cut" crop_param { offset: [3, 7] } }
      layer { name: "in place" type: "ReLU" bottom: "2/cut" top: "2/cut" }""",
}


@pytest.mark.parametrize("net", ODD)
@pytest.mark.parametrize("to", ["to_onnx", "to_torch"])
def test_every_form_of_a_layer_is_exported(net, to, tmp_path):
    folder = write_net(RunFolder("odd", tmp_path), INPUT + ODD[net])
    model = ExportModel.from_folder(folder, folder.final)
    _, run = getattr(model, to)(tmp_path)
    assert all(each.worst <= 1e-5 * each.largest for each in model.compare(run))


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        ('type: "SPP" spp_param { pyramid_height: 2 }', "layer top: got type SPP, expected one with (ONNX|PyTorch)"),
    ],
)
@pytest.mark.parametrize("to", ["to_onnx", "to_torch"])
def test_layers_without_an_equivalent_are_refused(layer, complaint, to, tmp_path):
    layers = INPUT + f'layer {{ name: "top" bottom: "data" top: "top" {layer} }}'
    folder = write_net(RunFolder("odd", tmp_path), layers)
    with pytest.raises(ValueError, match=complaint):
        getattr(ExportModel.from_folder(folder, folder.final), to)(tmp_path)
    assert not list(Path(tmp_path).glob("odd.onnx")) and not list(Path(tmp_path).glob("odd.py"))


def test_a_missing_package_is_named_with_its_installation(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(DataError, match="the package onnx is missing .*pip install onnx"):
        ExportModel.from_folder(small, small.final).to_onnx(tmp_path)
