import sys

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro import engine
from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model import surgery
from tests.fixtures.small_net import layer

CLASSIFIER = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 6 dim: 6 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" convolution_param {
  num_output: 3 kernel_size: 3 weight_filler { type: "gaussian" std: 0.5 } bias_filler { type: "gaussian" std: 0.5 } } }
layer { name: "fc2" type: "InnerProduct" bottom: "conv1" top: "fc2" inner_product_param {
  num_output: 5 weight_filler { type: "gaussian" std: 0.5 } bias_filler { type: "gaussian" std: 0.5 } } }
"""

CONVOLUTIONAL = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 9 dim: 8 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" convolution_param {
  num_output: 3 kernel_size: 3 } }
layer { name: "fc2" type: "Convolution" bottom: "conv1" top: "fc2" convolution_param {
  num_output: 5 kernel_size: 4 } }
"""

SCORE = """
layer { name: "score" type: "Convolution" bottom: "fc2" top: "score" convolution_param {
  num_output: 2 kernel_size: 1 } }
"""


@pytest.fixture
def net(tmp_path):
    """Build a net from prototxt text."""

    def build(text, name="net.prototxt"):
        path = tmp_path / name
        path.write_text(text)
        return caffe.Net(str(path), caffe.TEST)

    return build


def input_layer(channels):
    return layer("Input", "", "data", f"input_param {{ shape {{ dim: [1, {channels}, 4, 5] }} }}", "data")


def convolution(inputs, outputs, kernel="kernel_size: 1", name="score"):
    fillers = 'weight_filler { type: "gaussian" std: 1 } bias_filler { type: "gaussian" std: 1 }'
    param = f"convolution_param {{ num_output: {outputs} {kernel} {fillers} }}"
    return input_layer(inputs) + layer("Convolution", "data", name, param, name)


def deconvolution(channels, param, name="upscore"):
    param = f"convolution_param {{ bias_term: false {param} }}"
    return input_layer(channels) + layer("Deconvolution", "data", name, param, name)


# --- transplant


def test_convolutional_net_computes_what_the_classifier_computes_at_every_position(net):
    classifier, convolutional = net(CLASSIFIER), net(CONVOLUTIONAL)
    surgery.transplant(convolutional, classifier)
    image = np.random.default_rng(0).normal(size=(1, 2, 9, 8)).astype(np.float32)
    grid = convolutional.forward(data=image)["fc2"]
    assert grid.shape == (1, 5, 4, 3)
    for y, x in np.ndindex(4, 3):
        crop = image[:, :, y : y + 6, x : x + 6]
        np.testing.assert_allclose(grid[0, :, y, x], classifier.forward(data=crop)["fc2"][0], rtol=1e-4, atol=1e-5)


def test_a_transplant_reports_every_layer(net):
    report = surgery.transplant(net(CONVOLUTIONAL.replace('"conv1"', '"conv1_1"') + SCORE), net(CLASSIFIER))
    assert report == surgery.Transplant(copied=[], reshaped=["fc2"], dropped=["conv1"], untouched=["conv1_1", "score"])
    lines = ["reshaped    1: fc2", "dropped     1: conv1", "untouched   2: conv1_1 score"]
    assert str(report).splitlines() == lines


def test_a_suffix_copies_a_net_into_one_trunk_of_another(net):
    source, target = net(convolution(2, 3)), net(convolution(2, 3, name="score_colour"))
    assert surgery.transplant(target, source, "_colour").copied == ["score_colour"]
    assert np.array_equal(target.params["score_colour"][0].data, source.params["score"][0].data)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kernel_size: 4", "kernel_size: 5", r"fc2\[0\]: \[5, 48\] holds 240 .* \[5, 3, 5, 5\], which holds 375"),
        ("num_output: 5", "num_output: 5 bias_term: false", "fc2 has 2 weight blobs and fc2 has 1.*bias_term"),
    ],
)
def test_a_transplant_refuses_other_counts_of_weights(net, old, new, message):
    with pytest.raises(ValueError, match=message):
        surgery.transplant(net(CONVOLUTIONAL.replace(old, new)), net(CLASSIFIER))


# --- convolutionalise


@pytest.fixture
def convolutionalise(net, tmp_path):
    """Convolutionalise a classifier's file into that of a net; returns the classifier and the report."""

    def run(convolutional):
        classifier = net(CLASSIFIER, "classifier.prototxt")
        classifier.save(str(tmp_path / "classifier.caffemodel"))
        (tmp_path / "fcn.prototxt").write_text(convolutional)
        names = ("classifier.prototxt", "classifier.caffemodel", "fcn.prototxt", "fcn.caffemodel")
        return classifier, surgery.convolutionalise(*(tmp_path / name for name in names))

    return run


def test_a_classifiers_file_becomes_a_convolutional_nets_file(convolutionalise, tmp_path):
    classifier, report = convolutionalise(CONVOLUTIONAL)
    assert (report.copied, report.reshaped) == (["conv1"], ["fc2"])
    loaded = caffe.Net(str(tmp_path / "fcn.prototxt"), caffe.TEST, weights=str(tmp_path / "fcn.caffemodel"))
    for name, blobs in loaded.params.items():
        for found, expected in zip(blobs, classifier.params[name], strict=True):
            assert np.array_equal(found.data.flat, expected.data.flat)
    assert sorted(file.name for file in tmp_path.glob("*.part")) == []


def test_convolutionalising_refuses_to_leave_a_layer_without_weights(convolutionalise, tmp_path):
    with pytest.raises(ValueError, match="no weights for fc6; its layers are conv1 fc2"):
        convolutionalise(CONVOLUTIONAL.replace('"fc2"', '"fc6"'))
    assert not (tmp_path / "fcn.caffemodel").exists()


# --- loading


def test_a_loaded_net_has_the_files_weights(net, tmp_path):
    weights = tmp_path / "new" / "net.caffemodel"
    saved = net(convolution(2, 3, name="fc6"), "net.prototxt")
    with pytest.raises(DataError, match="net.caffemodel: missing"):
        surgery.load(tmp_path / "net.prototxt", weights)
    surgery.save(saved, weights)
    loaded = surgery.load(tmp_path / "net.prototxt", weights)
    assert np.array_equal(loaded.params["fc6"][0].data, saved.params["fc6"][0].data)


def test_loading_refuses_a_layer_of_zeros_unless_it_is_a_score_layer(net, tmp_path):
    surgery.save(net(convolution(2, 3, name="fc7")), tmp_path / "net.caffemodel")
    for name in ("fc6", "score_fr"):
        (tmp_path / f"{name}.prototxt").write_text(convolution(2, 3, name=name).replace("gaussian", "constant"))
    with pytest.raises(DataError, match="net.caffemodel: no weights for fc6,"):
        surgery.load(tmp_path / "fc6.prototxt", tmp_path / "net.caffemodel")
    surgery.load(tmp_path / "score_fr.prototxt", tmp_path / "net.caffemodel")


# --- interpolation


@pytest.mark.parametrize(
    "size, total, peak",
    [
        *((1, 1, 1), (2, 1, 0.25), (3, 4, 1), (4, 4, 0.5625), (5, 9, 1), (16, 64, 0.87890625)),
        *((32, 256, 0.938476562), (64, 1024, 0.96899414), (63, 1024, 1)),
    ],
)
def test_a_kernel_is_symmetric_sums_to_the_factor_squared_and_peaks_below_one_if_even(size, total, peak):
    kernel = surgery.upsample_filt(size)
    assert kernel.shape == (size, size)
    assert kernel.sum() == pytest.approx(total, rel=1e-12)
    assert kernel.max() == pytest.approx(peak, abs=1e-7) and kernel.min() >= 0
    assert np.allclose(kernel, kernel.T) and np.allclose(kernel, kernel[::-1, ::-1])


@pytest.mark.parametrize("param", ["num_output: 3", "num_output: 3 group: 3"])
def test_interpolation_keeps_a_constant_in_every_channel(net, param):
    up = net(deconvolution(3, param + " kernel_size: 4 stride: 2"))
    surgery.interp(up, ["upscore"])
    channels = np.array([1, 10, 100], np.float32).reshape(1, 3, 1, 1)
    top = up.forward(data=np.broadcast_to(channels, (1, 3, 4, 5)))["upscore"]
    assert top.shape == (1, 3, 10, 12)
    np.testing.assert_allclose(top[:, :, 2:-2, 2:-2], np.broadcast_to(channels, (1, 3, 6, 8)), rtol=1e-6)


def test_interpolation_reproduces_a_plane(net):
    up = net(deconvolution(1, "num_output: 1 kernel_size: 16 stride: 8"))
    surgery.interp(up, ["upscore"])
    y, x = np.mgrid[0:4, 0:5].astype(np.float32)
    top = up.forward(data=(3 * y + 2 * x)[None, None])["upscore"][0, 0]
    # Coordinates of a deconvolution: input y is centred at output 8 y + 7.5.
    v, u = (np.mgrid[0 : top.shape[0], 0 : top.shape[1]] - 7.5) / 8
    inside = (slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(top[inside], (3 * v + 2 * u)[inside], rtol=1e-5)


@pytest.mark.parametrize(
    ("param", "message"),
    [("num_output: 2 kernel_size: 4", "maps 4 channels to 2"),
     ("num_output: 4 kernel_h: 4 kernel_w: 6", "has 4 x 6 filters")],
)  # fmt: skip
def test_interpolation_refuses_unequal_channels_and_oblong_filters(net, param, message):
    with pytest.raises(ValueError, match=f"upscore {message}"):
        surgery.interp(net(deconvolution(4, param)), ["upscore"])


def test_upsampling_layers_are_the_deconvolutions_with_up_in_their_names(net):
    nets = [net(deconvolution(2, "num_output: 2 kernel_size: 4", name)) for name in ("upscore2", "learned")]
    nets.append(net(convolution(2, 2, name="group1")))
    assert [surgery.find_upsampling_layers(each) for each in nets] == [["upscore2"], [], []]


# --- growing layers


def test_expanded_score_keeps_the_old_classes_first(net):
    old, new = net(convolution(3, 2)), net(convolution(3, 5))
    fillers = [blob.data[2:].copy() for blob in new.params["score"]]
    surgery.expand_score(new, "score", old, "score")
    for i in range(2):
        assert np.array_equal(new.params["score"][i].data[:2], old.params["score"][i].data)
        assert np.array_equal(new.params["score"][i].data[2:], fillers[i])


def test_an_added_channel_is_the_mean_of_the_others(net):
    colour, depth = net(convolution(3, 4, "kernel_size: 3")), net(convolution(4, 4, "kernel_size: 3"))
    surgery.add_channels(depth, "score", colour, "score")
    weights, new_weights = colour.params["score"][0].data, depth.params["score"][0].data
    assert np.array_equal(new_weights[:, :3], weights)
    np.testing.assert_allclose(new_weights[:, 3], weights.sum(axis=1) / 3, rtol=1e-6)
    assert np.array_equal(depth.params["score"][1].data, colour.params["score"][1].data)


def test_a_doubled_kernel_computes_the_same_on_a_map_of_repeated_cells(net):
    """Every cell of the finer map comes four times, so all four quarters of a weight meet its cell."""
    coarse = net(convolution(2, 3, "kernel_size: 3"))
    fine = net(convolution(2, 3, "kernel_size: 6 pad: 5"), "fine.prototxt")
    surgery.double_kernel(fine, "score", coarse, "score")
    cells = np.random.RandomState(0).normal(size=(1, 2, 4, 5)).astype(np.float32)
    coarse.blobs["data"].data[...] = cells
    coarse.forward()
    fine.blobs["data"].reshape(1, 2, 8, 10)
    fine.blobs["data"].data[...] = cells.repeat(2, axis=2).repeat(2, axis=3)
    fine.forward()
    found = fine.blobs["score"].data[:, :, 5:-5:2, 5:-5:2]
    np.testing.assert_allclose(found, coarse.blobs["score"].data, rtol=1e-4, atol=1e-5)


WIDE = """%s
layer { name: "a" type: "Convolution" bottom: "data" top: "a" convolution_param { num_output: %d %s %s } }
layer { name: "relu" type: "ReLU" bottom: "a" top: "a" }
layer { name: "b" type: "Convolution" bottom: "a" top: "b" convolution_param { num_output: 4 kernel_size: 1 %s } }
layer { name: "sum" type: "Reduction" bottom: "b" top: "sum" loss_weight: 1 }
"""
GAUSSIAN = 'weight_filler { type: "gaussian" std: 1 } bias_filler { type: "gaussian" std: 1 }'


@pytest.mark.parametrize("kernel", ["kernel_size: 1", "kernel_size: 3", "kernel_size: 2 dilation: 2"])
def test_widened_layers_compute_the_same_and_train_on(net, kernel):
    whole = kernel.replace("2 dilation: 2", "3")
    narrow = net(WIDE % (input_layer(2), 3, kernel, GAUSSIAN, GAUSSIAN))
    wide = net(WIDE % (input_layer(2), 8, whole, GAUSSIAN, GAUSSIAN), "wide.prototxt")
    for name in "ab":
        surgery.widen(wide, name, narrow, name)
    cells = np.random.RandomState(0).normal(size=(1, 2, 4, 5)).astype(np.float32)
    for each in narrow, wide:
        each.blobs["data"].data[...] = cells
        each.forward()
    np.testing.assert_allclose(wide.blobs["b"].data, narrow.blobs["b"].data, rtol=1e-5, atol=1e-5)
    wide.backward()
    assert wide.params["b"][0].diff[:, 3:].any()  # added channels are ignored, but not for good


@pytest.mark.parametrize(
    ("grow", "old", "new", "message"),
    [
        (surgery.expand_score, (3, 5), (3, 2), r"\[5, 3, 1, 1\] does not fit the start of score \[2, 3, 1, 1\]"),
        (surgery.add_channels, (3, 4, "kernel_size: 3"), (4, 4), r"\[4, 3, 3, 3\] does not fit score \[4, 4, 1, 1\]"),
        (surgery.double_kernel, (2, 3, "kernel_size: 2"), (2, 3, "kernel_size: 3"), r"\[3, 2, 3, 3\]; .*last two axes"),
        (surgery.widen, (2, 3), (2, 2), r"\[3, 2, 1, 1\] does not fit score \[2, 2, 1, 1\]; .*as many filters"),
        (surgery.widen, (2, 3, "kernel_size: 2"), (2, 3, "kernel_size: 1"), r"does not fit score \[3, 2, 1, 1\]"),
    ],
)
def test_growing_refuses_layers_that_differ_otherwise(net, grow, old, new, message):
    with pytest.raises(ValueError, match=message):
        grow(net(convolution(*new), "new.prototxt"), "score", net(convolution(*old)), "score")


# --- trunks


FCN = CONVOLUTIONAL + SCORE


def test_a_trunk_keeps_all_weights_below_the_scores(net, tmp_path):
    source = net(FCN.replace("kernel_size: 1 }", "kernel_size: 1 weight_filler { type: 'xavier' } }"))
    for blobs in source.params.values():
        blobs[0].data[...] = np.random.default_rng(0).normal(size=blobs[0].data.shape)
    surgery.save(source, tmp_path / "source.caffemodel")
    text = FCN.replace("num_output: 2", "num_output: 7")
    other_classes = text_format.Merge(text, caffe.proto.caffe_pb2.NetParameter())
    surgery.save_trunk(other_classes, tmp_path / "source.caffemodel", tmp_path / "out" / "init.caffemodel")
    target = net(text, "target.prototxt")
    target.copy_from(str(tmp_path / "out" / "init.caffemodel"))
    for name in ("conv1", "fc2"):
        assert np.array_equal(target.params[name][0].data, source.params[name][0].data)
    assert not target.params["score"][0].data.any()


@pytest.mark.parametrize(
    "fault, complaint", [("num_output: 5", "Expected the weights of"), ('"fc2"', "no weights for fc2, so")]
)
@pytest.mark.skipif(engine.name == "bvlc", reason="real Caffe ends the process over such weights")
def test_saving_a_trunk_refuses_weights_of_another_net(net, tmp_path, fault, complaint):
    source = net(FCN.replace(fault, {"num_output: 5": "num_output: 6", '"fc2"': '"fc3"'}[fault]))
    for blobs in source.params.values():
        blobs[0].data[...] = 1
    surgery.save(source, tmp_path / "source.caffemodel")
    param = text_format.Merge(FCN, caffe.proto.caffe_pb2.NetParameter())
    with pytest.raises(DataError, match=f"source.caffemodel: (.|\n)*{complaint}"):
        surgery.save_trunk(param, tmp_path / "source.caffemodel", tmp_path / "init.caffemodel")
    assert not (tmp_path / "init.caffemodel").exists()


@pytest.mark.parametrize(
    "kind, fault",
    [
        ('type: "Python" python_param { module: "antigravity" layer: "L" }', "code of the Python module 'antigravity'"),
        ('type: "HDF5Output" hdf5_output_param { file_name: "stolen.h5" }', "writes a file"),
    ],
)
def test_an_untrusted_net_imports_no_module_and_writes_no_file(tmp_path, kind, fault):
    prototxt, weights = tmp_path / "deploy.prototxt", tmp_path / "a.caffemodel"
    prototxt.write_text(f'layer {{ name: "evil" {kind} top: "data" }}')
    weights.touch()
    with pytest.raises(DataError, match=f"deploy.prototxt: layer 'evil' .*{fault}"):
        surgery.load(prototxt, weights)
    assert "antigravity" not in sys.modules
