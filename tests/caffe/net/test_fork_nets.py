"""The nets that came after FCN, at reduced width: their layers, sizes, and gradients through the whole net."""

import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import fcn_repro.caffe as caffe
from fcn_repro.caffe.proto import prototxt
from tests.fixtures.fork_nets import BATCH, CLASSES, NETS, write_net

# Layers of the published prototxts, without data layers, accuracies and outputs; ENet's spatial dropout is Dropout.
COUNTS = {
    "SegNet": "Convolution 26 BN 25 ReLU 25 Pooling 5 Upsample 5",
    "DeepLab-LargeFOV": "Convolution 16 ReLU 15 Pooling 6 Dropout 2 Interp 1",
    "DeepLab-v2": "Convolution 25 ReLU 21 Pooling 6 Dropout 8 Eltwise 1 Interp 1",
    "PSPNet-50": "Convolution 61 BN 60 ReLU 56 Eltwise 16 Pooling 5 Interp 5 Concat 1 Dropout 1",
    "ICNet": "Convolution 64 BN 63 ReLU 57 Eltwise 19 Interp 10 Pooling 5 Scale 1",
    "ENet": "Convolution 88 Deconvolution 3 BN 86 PReLU 67 ReLU 15 Eltwise 27 Dropout 27 Pooling 3 Upsample 2 Concat 1",
    "HED": "Convolution 19 Deconvolution 4 ReLU 13 Crop 5 Pooling 4 Concat 1 ClassBalancedSigmoidCrossEntropyLoss 6",
    "DilatedNet": "Convolution 24 ReLU 22 Pooling 3 Dropout 2",
    "DeconvNet": "Convolution 16 Deconvolution 14 BN 29 ReLU 29 Pooling 5 Unpooling 5",
    "U-Net": "Convolution 19 Deconvolution 4 ReLU 22 Crop 4 Pooling 4 Concat 4",
}
DIALECT = {"HED": "hed", "U-Net": "longjon"}
CROPS = {"HED": [34, 35, 36, 38, 42], "U-Net": [4, 16, 40, 88]}  # HED's deploy nets of BVLC's form; the U-Net paper's


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def build(name: str):
        monkeypatch.setenv("CAFFE_DIALECT", DIALECT.get(name, ""))
        (tmp_path / "net.prototxt").write_text(write_net(name))
        caffe.set_random_seed(1)
        return caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)

    return build


def forward(net, seed: int = 2) -> float:
    """Run forward with the same dropout masks each time; returns the loss."""
    caffe.set_random_seed(seed)
    return net._forward(0, len(net.layers) - 1)


@pytest.mark.parametrize("name", NETS)
def test_a_whole_net_has_the_published_layers_and_sizes_and_follows_its_gradient(build, name: str):
    net = build(name)
    types = Counter(layer.type for layer in net.layers)
    for own in ("Input", "Split", "SoftmaxWithLoss"):
        del types[own]
    words = COUNTS[name].split()
    assert types == dict(zip(words[::2], map(int, words[1::2]), strict=True))
    channels = 1 if name == "HED" else CLASSES
    assert net.blobs["scores"].data.shape == (BATCH.get(name, 1), channels, *NETS[name][3])

    random = np.random.RandomState(0)
    net.blobs["data"].data[...] = random.standard_normal(net.blobs["data"].data.shape)
    net.blobs["label"].data[...] = random.randint(0, 2 if name == "HED" else CLASSES, net.blobs["label"].data.shape)
    loss = forward(net)
    assert np.isfinite(loss) and loss > 0
    net.clear_param_diffs()
    net._backward(len(net.layers) - 1, 0)
    trained = [(blob, blob.diff.copy()) for blobs in net.params.values() for blob in blobs]
    assert np.abs(net.params[next(iter(net.params))][0].diff).max() > 0  # the first layer has a gradient
    squared = sum(float((diff.astype(np.float64) ** 2).sum()) for _, diff in trained)
    step = 1e-4 * loss / squared  # a step against the gradient should lower the loss by 0.01%
    for blob, diff in trained:
        blob.data[...] -= step * diff
    assert loss - forward(net) == pytest.approx(1e-4 * loss, rel=0.3)


@pytest.mark.parametrize("name", CROPS)
def test_a_dialect_finds_the_offsets_that_the_authors_state(tmp_path: Path, monkeypatch, caplog, name: str):
    path = tmp_path / "net.prototxt"
    path.write_text(write_net(name))
    monkeypatch.setenv("CAFFE_DIALECT", DIALECT[name])
    found = [layer.crop_param.offset[0] for layer in prototxt.read_net(path).layer if layer.type == "Crop"]
    assert sorted(found) == CROPS[name]
    monkeypatch.delenv("CAFFE_DIALECT")
    caplog.set_level(logging.WARNING, "caffe")
    prototxt.read_net(path)
    warned = [record.getMessage() for record in caplog.records if "has no offset" in record.getMessage()]
    assert len(warned) == len(CROPS[name])
