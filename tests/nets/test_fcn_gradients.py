"""Nets at a sixteenth of their width: what is to learn gets a gradient, what is not gets none, and the loss falls."""

import numpy as np
import pytest

from fcn_repro.engine import caffe
from fcn_repro.model import surgery
from nets.fcn import FCNS
from tests.fixtures.fcn_nets import CLASSES, INPUTS, NETS, small_net

HEIGHT, WIDTH = 40, 36
LEARNT_UPSAMPLING = {
    "vgg16-16s-cvpr": {"upscore2"},
    "vgg16-8s-cvpr": {"upscore2", "upscore_pool4"},
    "vgg16-32s-learned": {"upscore"},
    "vgg16-16s-learned": {"upscore2", "upscore16"},
    "vgg16-8s-learned": {"upscore2", "upscore_pool4", "upscore8"},
}


@pytest.fixture
def solver(tmp_path, request):
    """A solver over an image of one class. A trunk's weights are positive, so that no unit is dead."""
    name, random = request.param, np.random.RandomState(0)
    (tmp_path / "train.prototxt").write_text(small_net(name, HEIGHT, WIDTH, normalize=True))
    settings = f'train_net: "{tmp_path}/train.prototxt" base_lr: 1e-3 lr_policy: "fixed" random_seed: 3'
    (tmp_path / "solver.prototxt").write_text(settings)
    solver = caffe.SGDSolver(str(tmp_path / "solver.prototxt"))
    for layer, blobs in solver.net.params.items():
        if not layer.startswith("scale"):
            drawn = random.normal(0, 1, blobs[0].data.shape) / blobs[0].data[0].size
            blobs[0].data[...] = drawn if layer.startswith("score") else 1.25 * np.abs(drawn)
    surgery.interp(solver.net, surgery.find_upsampling_layers(solver.net))
    for top, channels in INPUTS[FCNS[name].inputs].items():
        solver.net.blobs[top].data[...] = random.uniform(0, 2, (1, channels, HEIGHT, WIDTH))
    solver.net.blobs["label"].data[...] = CLASSES - 1
    return solver


@pytest.mark.parametrize(("name", "solver"), [(name, name) for name in NETS], indirect=["solver"])
def test_gradients_reach_all_that_is_to_learn_and_nothing_else(name: str, solver):
    solver.net.forward()
    solver.net.backward()
    reached = {layer for layer, blobs in solver.net.params.items() if blobs[0].diff.any()}
    fixed = {layer for layer in solver.net.params if layer.startswith(("upscore", "scale"))}
    if name.endswith("-fixed"):
        fixed |= {layer for layer in solver.net.params if not layer.startswith("score")}
    assert reached == set(solver.net.params) - fixed | LEARNT_UPSAMPLING.get(name, set())


@pytest.mark.parametrize("solver", NETS, indirect=True)
def test_the_loss_falls(solver):
    losses = []
    for _ in range(4):
        solver.step(1)
        losses.append(float(solver.net.blobs["loss"].data))
    assert losses[-1] < losses[0]
