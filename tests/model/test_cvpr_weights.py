"""Nets as the CVPR paper released them, of format V1 with CROP, against the same nets here with converted weights."""

import numpy as np
import pytest
from google.protobuf import text_format

from fcn_repro.engine import caffe
from fcn_repro.errors import DataError
from fcn_repro.model.cvpr_weights import convert_cvpr_weights, is_cvpr_release
from fcn_repro.model.find_weights import find_weights
from fcn_repro.model.run_folder import RunFolder
from tests.fixtures.fcn_nets import small_net

HEIGHT, WIDTH = 70, 90
THEIR_NAMES = {
    "score_fr": "score-fr", "upscore2": "score2", "score_pool4": "score-pool4", "upscore_pool4": "score4",
    "score_pool3": "score-pool3", "upscore": "upsample", "upscore16": "upsample", "upscore8": "upsample",
}  # fmt: skip
BIASED = ("upscore2", "upscore_pool4", "upscore")
PB = caffe.proto.caffe_pb2
pytestmark = pytest.mark.skipif("CROP" not in PB.V1LayerParameter.LayerType.keys(), reason="Caffe has no V1 CROP")


def write_v1(ours: str):
    """The net of a prototxt in format V1, with the released names; some deconvolutions have a bias."""
    param = text_format.Parse(ours, PB.NetParameter())
    v1 = PB.NetParameter(input=["data"], input_dim=[1, 3, HEIGHT, WIDTH])
    types = {"Convolution": 4, "Deconvolution": 39, "Crop": 40, "Eltwise": 25, "Pooling": 17, "ReLU": 18, "Dropout": 6}
    for layer in param.layer[1:]:
        name = THEIR_NAMES.get(layer.name, layer.name)
        new = v1.layers.add(name=name, type=types[layer.type], bottom=layer.bottom, top=layer.top)
        for field, value in layer.ListFields():
            if field.name in ("convolution_param", "pooling_param", "eltwise_param"):
                getattr(new, field.name).CopyFrom(value)
        if layer.name in BIASED:
            new.convolution_param.ClearField("bias_term")
    return v1


@pytest.fixture
def release(tmp_path, request):
    """The folder of a run with a deploy net, the net that was released, and its weights."""
    folder = RunFolder("voc-small-cvpr", tmp_path)
    folder.path.mkdir()
    ours = small_net(request.param, HEIGHT, WIDTH, "deploy")
    folder.deploy.write_text(ours)
    prototxt = tmp_path / "theirs.prototxt"
    v1 = write_v1(ours)
    prototxt.write_text(str(v1))
    theirs = caffe.Net(str(prototxt), caffe.TEST)
    random = np.random.default_rng(0)
    for blobs in theirs.params.values():
        fan_in = blobs[0].count / blobs[0].num
        blobs[0].data[...] = random.normal(0, np.sqrt(2 / fan_in), blobs[0].data.shape)
    for name in theirs.params:
        if len(theirs.params[name]) == 2 and name != "upsample":  # whose bias stays 0
            theirs.params[name][1].data[...] = random.normal(0, 0.1, theirs.params[name][1].data.shape)
    for layer in v1.layers:
        for blob in theirs.params.get(layer.name, ()):
            shape = (1,) * (4 - len(blob.shape)) + tuple(blob.shape)
            num, channels, height, width = shape
            layer.blobs.add(data=blob.data.ravel(), num=num, channels=channels, height=height, width=width)
    weights = tmp_path / "fcn-small-pascal.caffemodel"
    weights.write_bytes(v1.SerializeToString())
    return folder, theirs, weights


every = pytest.mark.parametrize("release", ["vgg16-32s", "vgg16-16s", "vgg16-8s"], indirect=True)
one = pytest.mark.parametrize("release", ["vgg16-16s"], indirect=True)


@every
def test_converted_weights_score_as_the_released_net_does(release):
    folder, theirs, weights = release
    ours = caffe.Net(str(folder.deploy), caffe.TEST, weights=str(find_weights(folder, weights)))
    image = np.random.default_rng(0).standard_normal((1, 3, HEIGHT, WIDTH)).astype(np.float32)
    scores = []
    for net in (ours, theirs):
        net.blobs["data"].data[...] = image
        scores.append(net.forward()["score"].copy())
    assert np.ptp(scores[1]) > 0
    np.testing.assert_allclose(scores[0], scores[1], atol=2e-5 * abs(scores[1]).max())


@one
def test_weights_are_converted_once_and_other_weights_stay(release):
    folder, theirs, weights = release
    assert is_cvpr_release(weights)
    converted = find_weights(folder, weights)
    assert converted == folder.path / weights.name and not is_cvpr_release(converted)
    before = converted.stat().st_mtime_ns
    assert find_weights(folder, weights) == converted and converted.stat().st_mtime_ns == before
    assert find_weights(folder, converted) == converted


@one
@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda v1: v1.layers[0].blobs[0].data.pop(), "got layer 'conv1_1' of .* values; expected 'conv1_1' of"),
        (lambda v1: v1.layers.pop(0), "got 18 layers with weights; .* has 19"),
        (lambda v1: setattr(v1.layers[0], "name", "conv1"), "got layer 'conv1' of .* expected 'conv1_1'"),
        (
            lambda v1: next(layer for layer in v1.layers if layer.name == "upsample").blobs.add(data=[1] * 5),
            "the last deconvolution has a bias",
        ),
    ],
)
def test_refuses_weights_of_another_net(release, damage, message):
    folder, _, weights = release
    v1 = PB.NetParameter.FromString(weights.read_bytes())
    damage(v1)
    weights.write_bytes(v1.SerializeToString())
    with pytest.raises(DataError, match=message):
        convert_cvpr_weights(weights, folder.deploy, weights.with_name("out.caffemodel"))
    assert not weights.with_name("out.caffemodel").exists()
