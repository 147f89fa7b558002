from dataclasses import replace

import numpy as np
import pytest

from nets.fcn import FCNS
from nets.ilsvrc import CLASSIFIERS
from tests.fixtures.fcn_nets import CLASSES, INPUTS, NETS, noisy_net, small_classifier, small_convolutional, small_net
from tests.oracle.comparison import Record, worst_difference
from tests.oracle.oracle import Arrays, Case, Oracle, run_ours

ODD_SIZES = [(47, 61), (64, 33), (96, 75)]
FORWARD_LIMIT, GRADIENT_LIMIT = 5e-5, 1e-4  # a dozen of layers deep, some with hardly a live unit
# A bias whose gradient is a sum that nearly cancels: Caffe's own moves by 4e-5 of it with the last bit of the image.
CANCELLING = {"googlenet-16s-pooled": 5e-4}
PICTURES = 4  # to choose from, where the gradients of one hang on its last bits


def gradient_limit(name: str) -> float:
    return CANCELLING.get(name, GRADIENT_LIMIT)


def image_and_labels(height: int, width: int, index: int = 0, name: str = "vgg16-32s", seed: int = 0) -> Arrays:
    random = np.random.RandomState(seed or index)
    label = random.randint(0, CLASSES, (1, 1, height, width))
    label[random.uniform(size=label.shape) < 0.1] = 255
    images = {
        f"{index}/{top}": np.float32(random.uniform(-120, 120, (1, channels, height, width)))
        for top, channels in INPUTS[FCNS[name].inputs].items()
    }
    return {**images, f"{index}/label": np.float32(label)}


def split(arrays: Arrays) -> tuple[Arrays, Arrays]:
    """What a forward pass computes, and the gradients of the parameters.

    The gradients of blobs are left out. Behind a padding of 100 whole regions are equal but for the last bit, and that
    bit decides which of equal maxima in a pooling window gets the gradient; the parameters get the same either way.
    """
    forward = {name: values for name, values in arrays.items() if name.endswith("/loss") or "/data" in name}
    gradients = {name: values for name, values in arrays.items() if "/param/" in name and name.endswith("/diff")}
    return forward, gradients


@pytest.mark.parametrize("size", ODD_SIZES, ids=str)
@pytest.mark.parametrize("name", NETS)
def test_nets_compute_what_caffe_computes(name: str, size: tuple[int, int], oracle: Oracle, record: Record):
    for seed in range(PICTURES):
        arrays = image_and_labels(*size, name=name, seed=seed)
        case = Case("net", {"text": small_net(name, *size), "initialise": True}, arrays)
        ours, theirs = run_ours(case), oracle.run(case)
        limit = gradient_limit(name)
        if worst_difference(split(ours)[1], split(theirs)[1])[0] <= limit or not hang_on_last_bits(case, ours, limit):
            break
    compare(name, ours, theirs, record)


def hang_on_last_bits(case: Case, ours: Arrays, limit: float) -> bool:
    """Whether a change of the image by 1e-6 moves our own gradients by more than the limit.

    Two numbers in a pooling window, or a unit's and zero, may be so close that rounding decides which way a gradient
    goes. Then there is nothing to compare.
    """
    for seed in range(8):
        noise = np.random.RandomState(seed)
        arrays = {
            name: values
            if name.endswith("label")
            else np.float32(values * noise.uniform(1 - 1e-6, 1 + 1e-6, values.shape))
            for name, values in case.arrays.items()
        }
        if worst_difference(split(run_ours(replace(case, arrays=arrays)))[1], split(ours)[1])[0] > limit:
            return True
    return False


def compare(name: str, ours: Arrays, theirs: Arrays, record: Record) -> None:
    limits = FORWARD_LIMIT, gradient_limit(name)
    for what, mine, reference, limit in zip(("forward", "gradients"), split(ours), split(theirs), limits, strict=True):
        record.check("Nets", f"{name}, {what}", mine, reference, limit)


@pytest.mark.parametrize("phase", ["train", "val"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_compute_what_caffe_computes(name: str, phase: str, oracle: Oracle, record: Record):
    """With dropout and, in GoogLeNet, the losses of its inner layers; two images."""
    random = np.random.RandomState(0)
    side = CLASSIFIERS[name].size
    arrays = {
        "0/data": np.float32(random.uniform(-120, 120, (2, 3, side, side))),
        "0/label": np.float32(random.randint(0, CLASSES, 2)),
    }
    text = small_classifier(name, phase, 2)
    case = Case("net", {"text": text, "initialise": True}, arrays)
    compare(f"{name} ({phase})", run_ours(case), oracle.run(case), record)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_convolutional_classifiers_compute_what_caffe_computes(name: str, oracle: Oracle, record: Record):
    """On an image larger than the classifier's own, of odd sides."""
    arrays = {"0/data": np.float32(np.random.RandomState(0).uniform(-120, 120, (1, 3, 355, 301)))}
    case = Case("net", {"text": small_convolutional(name), "initialise": True}, arrays)
    compare(f"{name}-fcn", run_ours(case), oracle.run(case), record)


@pytest.mark.parametrize("name", ["vgg16-8s", "alexnet-32s", "googlenet-8s"])
def test_nets_follow_the_size_of_every_image(name: str, oracle: Oracle, record: Record):
    arrays = {**image_and_labels(50, 41, 0), **image_and_labels(71, 60, 1), **image_and_labels(33, 35, 2)}
    case = Case("net", {"text": small_net(name, 50, 41), "initialise": True, "passes": 3}, arrays)
    for mine, reference, limit in zip(
        split(run_ours(case)), split(oracle.run(case)), (FORWARD_LIMIT, GRADIENT_LIMIT), strict=True
    ):
        record.check("Nets", f"{name}, three sizes", mine, reference, limit)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("phase", ["train", "deploy"])
def test_nets_are_built_as_caffe_builds_them(name: str, phase: str, oracle: Oracle, record: Record):
    case = Case("structure", {"text": small_net(name, 64, 48, phase)})
    record.check("Nets", "names, wiring and shapes", run_ours(case), oracle.run(case), 0)


@pytest.mark.parametrize(
    ("name", "regime"),
    [
        ("vgg16-32s", "base_lr: 1e-10 momentum: 0.99"),  # the reference's heavy learning
        ("vgg16-8s", "base_lr: 1e-14 momentum: 0.9 iter_size: 4"),
        ("alexnet-32s", "base_lr: 1e-10 momentum: 0.9 iter_size: 2"),
    ],
)
def test_fcns_learn_as_in_caffe(name: str, regime: str, oracle: Oracle, record: Record):
    """Four updates: the weights to the last bits, and the updates themselves, which are a million times smaller."""
    settings = f"{regime} lr_policy: 'fixed' weight_decay: 0.0005 random_seed: 11"
    arguments = {"net_text": noisy_net(name, 45, 52), "solver_text": settings, "steps": [1, 3], "initialise": True}
    case = Case("train", arguments)
    ours, theirs = run_ours(case), oracle.run(case)
    for what, kind, limit in (("weights", "/data", 1e-6), ("updates", "/update", GRADIENT_LIMIT)):
        mine, reference = ({n: v for n, v in arrays.items() if n.endswith(kind)} for arrays in (ours, theirs))
        record.check("Nets", f"{name}, {what} after training", mine, reference, limit)
