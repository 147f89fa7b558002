"""Files in the layouts of other programs become caffemodels with the same bits, or are refused by name."""

import csv
import hashlib
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from google.protobuf import text_format

from fcn_repro.datasets.download import fetch
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.exchange import imported_weights
from fcn_repro.model.exchange.preprocessing import TORCHVISION
from fcn_repro.model.weights_origin import read_origin
from nets.fcn import FCNS, build_fcn
from nets.ilsvrc import CLASSIFIERS, build_classifier
from tests.fixtures import foreign_weights as foreign
from tests.fixtures.export_nets import DATA, SMALL_VGG

WIDTH = 1 / 16
FCN_NAMES = {f"voc-fcn{name}": f"vgg16-{name}" for name in ("32s", "16s", "8s", "8s-atonce")}


def build_narrow(name):
    """A net of the table at a part of its width."""
    if name in FCN_NAMES:
        fcn = FCNS[FCN_NAMES[name]]
        return build_fcn(replace(fcn, style=replace(fcn.style, width=WIDTH)), "deploy", DATA, False)
    row = CLASSIFIERS[name]
    return build_classifier(
        replace(row, style=replace(row.style, width=WIDTH)), "deploy", SimpleNamespace(class_names=range(10))
    )


@pytest.fixture
def net(tmp_path, monkeypatch):
    """Writes a narrow net's prototxt in an empty folder: its path, the net with random weights, and these."""
    monkeypatch.chdir(tmp_path)

    def make(name):
        prototxt = tmp_path / "deploy.prototxt"
        prototxt.write_text(text_format.MessageToString(build_narrow(name)))
        net = caffe.Net(str(prototxt), caffe.TEST)
        return prototxt, net, foreign.fill(net)

    return make


CLASSIFIER_FILES = {
    "vgg16_from_caffe.npz": (foreign.write_chainer, ("vgg16",)),
    "keras.h5": (foreign.write_keras, ("vgg16", "vgg19")),
    "keras2.h5": (partial(foreign.write_keras, ending="/kernel:0"), ("vgg16",)),
    "vgg16_weights.npz": (foreign.write_toronto, ("vgg16",)),
    "verydeep.mat": (foreign.write_simplenn, ("vgg16", "vgg19")),
    "beta8.mat": (partial(foreign.write_simplenn, before_beta9=True), ("vgg16",)),
    "zoo.onnx": (foreign.write_caffe2_onnx, ("vgg16", "vgg19", "googlenet")),
    "lrn.onnx": (partial(foreign.write_caffe2_onnx, operators=("Relu", "LRN", "MaxPool")), ("alexnet",)),
    "pool.onnx": (partial(foreign.write_caffe2_onnx, operators=("Relu", "MaxPool", "LRN")), ("caffenet",)),
    "caffe_names.safetensors": (
        lambda path, layers: foreign.write_safetensors(path, foreign.name_state_dict(layers)),
        ("vgg16", "vgg19"),
    ),
}
FCN_FILES = {
    "x.pth": lambda path, layers: foreign.write_torch(path, foreign.name_state_dict(layers)),
    "legacy.pth": lambda path, layers: foreign.write_torch(path, foreign.name_state_dict(layers), legacy=True),
    "x.npz": foreign.write_chainer,
    "x.safetensors": lambda path, layers: foreign.write_safetensors(path, foreign.name_state_dict(layers)),
}
CASES = [(name, file, write) for file, (write, names) in CLASSIFIER_FILES.items() for name in names]
CASES += [
    (name, file, write) for name in ("voc-fcn32s", "voc-fcn16s", "voc-fcn8s") for file, write in FCN_FILES.items()
]


@pytest.mark.parametrize(("name", "file", "write"), CASES, ids=[f"{name}-{file}" for name, file, _ in CASES])
def test_every_layout_gives_the_same_bits_and_the_same_outputs(net, tmp_path, name, file, write):
    prototxt, original, layers = net(name)
    write(tmp_path / file, layers)
    imported = imported_weights.read(tmp_path / file)
    assert imported.net == name and not imported.origin.trained_elsewhere and not imported.origin.differs
    origin = imported_weights.write(imported, prototxt, tmp_path / "out.caffemodel")
    assert read_origin(tmp_path / "out.caffemodel") == replace(origin, differs=[]) and file in origin.source
    found = caffe.Net(str(prototxt), caffe.TEST, weights=str(tmp_path / "out.caffemodel"))
    assert set(found.params) >= set(layers)
    for layer, arrays in layers.items():
        for blob, array in zip(found.params[layer], arrays, strict=True):
            assert np.array_equal(blob.data, array), layer
    if name == "vgg16":
        compare_outputs(original, found)


def compare_outputs(original, found):
    image = np.random.default_rng(1).normal(0, 50, original.blobs["data"].data.shape).astype(np.float32)
    for each in (original, found):
        each.blobs["data"].data[...] = image
        each.forward()
    assert np.array_equal(original.blobs["fc8"].data, found.blobs["fc8"].data) and np.ptp(found.blobs["fc8"].data)


@pytest.mark.parametrize("name", ["voc-fcn32s", "voc-fcn16s", "voc-fcn8s"])
@pytest.mark.parametrize("endings", [("_filter", "_bias"), ("f", "b")])
def test_matconvnets_fcns_keep_their_bits_under_caffes_names(net, tmp_path, name, endings):
    prototxt, _, layers = net(name)
    old_names = {"upscore2": "score2", "upscore_pool4": "score4", "upscore16": "upsample_new", "upscore8": "upsample"}
    old_names["upscore"] = "upsample"
    zeros = {layer: [np.zeros(len(pair[0]), np.float32)] * (2 - len(pair)) for layer, pair in layers.items()}
    old = {old_names.get(layer, layer): [*pair, *zeros[layer]] for layer, pair in layers.items()}
    foreign.write_dagnn(tmp_path / "x.mat", old, endings)
    imported = imported_weights.read(tmp_path / "x.mat")
    assert imported.net == name
    origin = imported_weights.write(imported, prototxt, tmp_path / "out.caffemodel")
    assert not origin.differs
    found = caffe.Net(str(prototxt), caffe.TEST, weights=str(tmp_path / "out.caffemodel"))
    for layer, arrays in layers.items():
        assert all(np.array_equal(blob.data, array) for blob, array in zip(found.params[layer], arrays, strict=True))


def test_the_biases_of_matconvnets_interpolations_move_to_the_scores_with_the_same_sums(net, tmp_path):
    """Computed by a net whose interpolations have biases, as the authors' first release has."""
    prototxt, _, layers = net("voc-fcn8s")
    with_bias = prototxt.read_text().replace("bias_term: false", "bias_term: true")
    (tmp_path / "old.prototxt").write_text(with_bias)
    old_net = caffe.Net(str(tmp_path / "old.prototxt"), caffe.TEST)
    old_layers = foreign.fill(old_net)
    old_net.params["upscore8"][1].data[...] = old_layers["upscore8"][1][...] = 0
    names = {"upscore2": "score2", "upscore_pool4": "score4", "upscore8": "upsample"}
    foreign.write_dagnn(tmp_path / "x.mat", {names.get(layer, layer): pair for layer, pair in old_layers.items()})
    origin = imported_weights.write(imported_weights.read(tmp_path / "x.mat"), prototxt, tmp_path / "out.caffemodel")
    assert list(origin.differs) == [
        "the bias of upscore2 is added to that of score_pool4",
        "the bias of upscore_pool4 is added to that of score_pool3",
    ]
    found = caffe.Net(str(prototxt), caffe.TEST, weights=str(tmp_path / "out.caffemodel"))
    image = np.random.default_rng(1).normal(0, 50, (1, 3, 40, 50)).astype(np.float32)
    for each in (old_net, found):
        each.blobs["data"].reshape(*image.shape)
        each.blobs["data"].data[...] = image
        each.forward()
    expected = old_net.blobs["score"].data
    assert np.abs(found.blobs["score"].data - expected).max() < 1e-5 * np.abs(expected).max()
    old_layers["upscore8"][1][...] = 1
    foreign.write_dagnn(tmp_path / "y.mat", {names.get(layer, layer): pair for layer, pair in old_layers.items()})
    with pytest.raises(DataError, match="y.mat: upscore8 has a bias, for which voc-fcn8s has no place"):
        imported_weights.write(imported_weights.read(tmp_path / "y.mat"), prototxt, tmp_path / "y.caffemodel")
    assert not (tmp_path / "y.caffemodel").exists()


def write_catalogue(tmp_path, file, digest, instead_of, differs=""):
    """A repository's catalogues with one converted copy."""
    (tmp_path / "data").mkdir(exist_ok=True)
    columns = ["name", "url", "file", "bytes", "digest", "licence", "note", "instead_of", "differs"]
    for path in fetch.CATALOGUES:
        with open(path, "w", newline="") as table:
            rows = [["copy", "http://host.invalid/x", file, "", digest, "free", "", instead_of, differs]]
            csv.writer(table).writerows([columns, *(rows if path.stem == "converted" else [])])


@pytest.mark.parametrize("known_by", ["name", "digest"])
def test_a_known_copy_gives_its_net_and_its_preprocessing(net, tmp_path, known_by):
    prototxt, _, layers = net("voc-fcn8s-atonce")
    file = tmp_path / "fcn8s-atonce_from_caffe.pth"
    foreign.write_torch(file, foreign.name_state_dict(layers))
    assert imported_weights.read(file).net == "voc-fcn8s"  # the same layers
    digest = f"md5:{hashlib.md5(file.read_bytes()).hexdigest()}" if known_by == "digest" else ""
    write_catalogue(tmp_path, file.name if known_by == "name" else "other.pth", digest, "voc-fcn8s-atonce", "older")
    imported = imported_weights.read(file)
    assert imported.net == "voc-fcn8s-atonce" and list(imported.origin.differs) == ["older"]
    imported_weights.write(imported, prototxt, tmp_path / "out.caffemodel")
    found = caffe.Net(str(prototxt), caffe.TEST, weights=str(tmp_path / "out.caffemodel"))
    np.testing.assert_allclose(found.params["scale_pool3"][0].data, 1e-4, rtol=1e-6)


def test_pytorch_fcns_vgg16_has_torchvisions_names_and_caffes_preprocessing(net, tmp_path):
    prototxt, _, layers = net("vgg16")
    file = tmp_path / "vgg16_from_caffe.pth"
    foreign.write_torch(file, foreign.name_torchvision(layers), legacy=True)
    write_catalogue(tmp_path, file.name, "", "vgg16")
    for imported in (imported_weights.read(file), imported_weights.read(file, images="caffe")):
        assert not imported.origin.trained_elsewhere
        assert all(np.array_equal(imported.layers[name][0], layers[name][0]) for name in layers)


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
@pytest.mark.parametrize("program", ["torchvision", "timm"])
@pytest.mark.parametrize("container", ["pth", "safetensors", "parallel checkpoint"])
def test_weights_trained_elsewhere_are_marked_and_only_their_first_layer_changes(
    net, tmp_path, name, program, container
):
    prototxt, _, layers = net(name)
    arrays = getattr(foreign, f"name_{program}")(layers)
    file = tmp_path / "weights"
    if container == "safetensors":
        foreign.write_safetensors(file, arrays)
    elif container == "pth":
        foreign.write_torch(file, arrays)
    else:
        tensors = {f"module.{key}": torch.from_numpy(np.ascontiguousarray(array)) for key, array in arrays.items()}
        torch.save({"epoch": 3, "state_dict": tensors, "optimizer": {"state": {0: torch.zeros(3)}}}, file)
    imported = imported_weights.read(file)
    assert imported.net == name and imported.origin.trained_elsewhere
    assert str(imported.origin).startswith("TRAINED ELSEWHERE: ") and program in str(imported.origin)
    origin = imported_weights.write(imported, prototxt, tmp_path / "out.caffemodel")
    assert "conv1_1 absorbs this" in origin.differs[-1] and read_origin(tmp_path / "out.caffemodel").trained_elsewhere
    found = caffe.Net(str(prototxt), caffe.TEST, weights=str(tmp_path / "out.caffemodel"))
    changed = [each for each in layers if not np.array_equal(found.params[each][0].data, layers[each][0])]
    assert changed == ["conv1_1"]


def test_folded_weights_compute_from_caffes_images_what_the_originals_compute_from_torchvisions(net, tmp_path):
    prototxt, _, layers = net("vgg16")
    foreign.write_torch(tmp_path / "x.pth", foreign.name_torchvision(layers))
    imported_weights.write(imported_weights.read(tmp_path / "x.pth"), prototxt, tmp_path / "out.caffemodel")
    found = caffe.Net(str(prototxt), caffe.TEST, weights=str(tmp_path / "out.caffemodel"))
    pixels_rgb = np.random.default_rng(0).uniform(0, 255, (3, 224, 224)).astype(np.float32)
    found.blobs["data"].data[0] = pixels_rgb[::-1] - np.float32([104.00699, 116.66877, 122.67892])[:, None, None]
    found.forward(end="conv1_1")
    mean, std = (torch.tensor(values)[:, None, None] for values in (TORCHVISION.mean, TORCHVISION.std))
    weights, bias = map(torch.from_numpy, layers["conv1_1"])
    expected = torch.conv2d(((torch.from_numpy(pixels_rgb) / 255 - mean) / std)[None], weights, bias, padding=1).numpy()
    difference = np.abs(found.blobs["conv1_1"].data - expected)[0]
    assert difference[:, 1:-1, 1:-1].max() < 1e-5
    # At the border the two means that zeros stand for are 0.02 apart, in units of the standard deviation.
    assert 1e-4 < difference.max() < 0.02 * 9 * 3 * abs(layers["conv1_1"][0]).max()


@pytest.mark.parametrize(("dtype", "exact"), [("float16", True), ("bfloat16", True), ("float64", False)])
def test_other_types_than_float32_are_converted_and_named(net, tmp_path, dtype, exact):
    prototxt, _, layers = net("vgg16")
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(array)).to(getattr(torch, dtype))
        for name, array in foreign.name_state_dict(layers).items()
    }
    torch.save(tensors, tmp_path / "x.pth")
    imported = imported_weights.read(tmp_path / "x.pth")
    for name, tensor in tensors.items():
        layer, _, kind = name.rpartition(".")
        assert np.array_equal(imported.layers[layer][kind == "bias"], tensor.float().numpy())
    if dtype != "bfloat16":
        assert list(imported.origin.differs) == [f"{dtype} converted to float32"]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A net of two layers, and weights in its order without known names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(SMALL_VGG)
    torch.manual_seed(0)
    trained = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(320, 4))
    return tmp_path / "net.prototxt", {name: tensor.numpy() for name, tensor in trained.state_dict().items()}


@pytest.mark.parametrize("transposed", [True, False])
def test_onnx_files_without_known_names_are_read_in_order(small, tmp_path, transposed):
    prototxt, arrays = small
    weights = arrays["2.weight"] if transposed else arrays["2.weight"].T
    nodes = [
        onnx.helper.make_node("Conv", ["x", "0.weight", "0.bias"], ["a"], pads=[1] * 4),
        onnx.helper.make_node("Flatten", ["a"], ["b"]),
        onnx.helper.make_node("Gemm", ["b", "2.weight", "2.bias"], ["y"], transB=int(transposed)),
    ]
    foreign.write_onnx(tmp_path / "x.onnx", nodes, [*{**arrays, "2.weight": weights}.items()][::-1])
    foreign.write_torch(tmp_path / "x.pth", arrays)
    for file in ("x.onnx", "x.pth"):
        imported = imported_weights.read(tmp_path / file, images="caffe")
        assert imported.net == "" and not imported.has_names
        imported_weights.write(imported, prototxt, tmp_path / "out.caffemodel")
        net = caffe.Net(str(prototxt), caffe.TEST, weights=str(tmp_path / "out.caffemodel"))
        for layer, name in (("conv1_1", "0"), ("fc6", "2")):
            for blob, kind in zip(net.params[layer], ("weight", "bias"), strict=True):
                assert np.array_equal(blob.data, arrays[f"{name}.{kind}"])


def test_weights_of_other_nets_are_refused_with_the_reason_and_nothing_is_written(small, tmp_path):
    prototxt, arrays = small

    def refused(arrays, complaint):
        foreign.write_torch(tmp_path / "other.pth", arrays)
        with pytest.raises(DataError, match=rf"other\.pth: .*{complaint}"):
            imported_weights.write(imported_weights.read(tmp_path / "other.pth"), prototxt, tmp_path / "out.caffemodel")
        assert not [*tmp_path.glob("out*")]

    refused({"0.weight": np.zeros((64, 3, 11, 11), np.float32)}, "torchvision's AlexNet.*64 filters")
    refused({**arrays, "1.running_mean": np.zeros(5, np.float32)}, "vgg16_bn")
    refused({"0.weight": arrays["0.weight"]}, r"1 layers with weights, .*expected a known net's 2")
    refused({**arrays, "2.weight": np.zeros((7, 320), np.float32)}, r"\[7, 320\] where fc6 has \[4, 320\]")
    refused({**arrays, "2.weight": np.full((4, 320), np.nan, np.float32)}, "fc6 hold NaN or infinity.*V1")


def test_missing_and_unknown_layers_are_named(net, tmp_path):
    prototxt, _, layers = net("vgg16")
    features = {name: pair for name, pair in layers.items() if name.startswith("conv")}
    foreign.write_keras(tmp_path / "notop.h5", features)
    foreign.write_chainer(tmp_path / "more.npz", {**layers, "conv9": layers["conv1_1"]})
    foreign.write_safetensors(tmp_path / "resnet.safetensors", {"layer1.0.conv.w": np.zeros((2, 2), np.float32)})
    for file, complaint in (
        ("notop.h5", r"lacks fc6, fc7, fc8 \(3 missing and 0 unknown layers\); expected vgg16"),
        ("more.npz", r"has conv9 \(0 missing and 1 unknown layers\)"),
        ("resnet.safetensors", r"got the arrays layer1\.0\.conv\.w, \.\.\.; expected names as in "),
    ):
        with pytest.raises(DataError, match=rf"{file}: {complaint}"):
            imported_weights.write(imported_weights.read(tmp_path / file), prototxt, tmp_path / "out.caffemodel")


def test_googlenets_auxiliary_classifiers_are_left_out(net, tmp_path):
    prototxt, _, layers = net("googlenet")
    foreign.write_chainer(tmp_path / "x.npz", {**layers, "loss1/conv": layers["conv1/7x7_s2"]})
    imported_weights.write(imported_weights.read(tmp_path / "x.npz"), prototxt, tmp_path / "out.caffemodel")
    found = caffe.Net(str(prototxt), caffe.TEST, weights=str(tmp_path / "out.caffemodel"))
    assert "loss1/conv" not in found.params
    assert np.array_equal(found.params["loss3/classifier"][0].data, layers["loss3/classifier"][0])
