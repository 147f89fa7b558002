"""On a GPU every layer and every net computes there, and nothing is left behind on the CPU."""

import pytest
import torch

from fcn_repro import caffe
from tests.caffe.imagined_gpu import GPU, imagined_gpu
from tests.caffe.layers.contract import Built, Promise
from tests.caffe.layers.promises import PROMISES
from tests.caffe.small_net import write
from tests.oracle.fcn_nets import noisy_net, small_net

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")


@pytest.mark.parametrize("promise", PROMISES, ids=str)
def test_a_layer_computes_where_it_is_told(promise: Promise):
    built = Built(promise)
    with imagined_gpu():
        built.layer.reshape(built.bottom, built.top)
        built.layer.forward(built.bottom, built.top)
        assert {blob.tensor.device for blob in built.top} <= {GPU}
        if promise.has_backward:
            wanted = [given.learns for given in promise.bottoms]
            for blob in built.top:
                blob.store_gradient(blob.tensor.clone())
            built.layer.backward(built.top, wanted, built.bottom)
            assert {blob.gradient.device for blob in (*built.bottom, *built.layer.blobs)} <= {GPU}


SOLVER = 'net: "{}" base_lr: 1e-3 lr_policy: "fixed" weight_decay: 5e-4 type: "{}" {}'


@pytest.mark.parametrize("precision", ["f32", "bf16"])
@pytest.mark.parametrize(
    ("name", "type_", "more"),
    [
        ("vgg16-8s", "SGD", "momentum: 0.9 clip_gradients: 1"),
        ("vgg16-16s", "Adam", "momentum: 0.9 iter_size: 2"),
        ("alexnet-32s", "Nesterov", "momentum: 0.9"),
        ("googlenet-32s", "RMSProp", ""),
    ],
)
def test_a_net_learns_there(tmp_path, monkeypatch, name, type_, more, precision):
    monkeypatch.setenv("PRECISION", precision)
    net = write(tmp_path, noisy_net(name, 40, 53, normalize=True))
    solver = caffe.get_solver(write(tmp_path, SOLVER.format(net, type_, more), "solver.prototxt"))
    with imagined_gpu():
        solver.step(2)
        everything = [*solver.net.blobs.values(), *solver.history]
        everything += [blob for blobs in solver.net.params.values() for blob in blobs]
        assert {blob.tensor.device for blob in everything} == {GPU}
        assert {blob.gradient.device for blob in everything} == {GPU}


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_net_labels_there_when_borders_are_kept_and_sizes_change(tmp_path, monkeypatch, precision):
    monkeypatch.setenv("PRECISION", precision)
    net = caffe.Net(write(tmp_path, small_net("vgg16-8s", 200, 210, "deploy")), caffe.TEST)
    with imagined_gpu():
        for size in [(200, 210)] * 4 + [(160, 33)]:
            net.blobs["data"].reshape(1, 3, *size)
            net.blobs["data"].store(torch.empty(1, 3, *size, device=GPU))
            net._forward(0, len(net.layers) - 1)
            assert net.blobs["score"].tensor.device == GPU
            assert net.blobs["score"].tensor.shape[2:] == size


def test_what_lies_elsewhere_is_refused_there():
    with imagined_gpu(), pytest.raises(RuntimeError, match="device"):
        torch.ones(3, device=GPU) + torch.ones(3)
