"""Table 1 of the CVPR paper, closed forms, and torch's own count of what a pass computes."""

from types import SimpleNamespace

import numpy as np
import pytest
from torch.utils.flop_counter import FlopCounterMode

from fcn_repro.analysis.cost.costs import LayerCost, count_costs, replace_data_layers, summarise
from fcn_repro.analysis.paper_tables import read_tables
from fcn_repro.engine import caffe
from fcn_repro.model.receptive_field import Grid
from nets import CLASSIFIERS, build
from tests.fixtures.layer_costs import DATA

(TABLE_1,) = [table.rows() for table in read_tables() if table.table == "classifiers"]


def made(folder, net: str, phase: str = "deploy", size=(500, 500), batch: int = 1):
    label = (batch,) if net in CLASSIFIERS else (batch, 1, *size)
    message = replace_data_layers(build(net, phase, DATA), {"data": (batch, 3, *size), "label": label})
    (folder / "net.prototxt").write_text(str(message))
    return message, caffe.Net(str(folder / "net.prototxt"), caffe.TRAIN if phase == "train" else caffe.TEST)


def costs_of(folder, net: str, phase: str = "deploy", size=(500, 500), batch: int = 1) -> list[LayerCost]:
    message, built = made(folder, net, phase, size, batch)
    return count_costs(message, built, phase == "train")


def total(found: list[LayerCost], what: str) -> int:
    return sum(getattr(cost, what) for cost in found)


# GoogLeNet's 907 pixels are those of the net with the average pooling that the text discards: without it, 715.
@pytest.mark.parametrize(
    ("row", "net"),
    [("FCN-AlexNet", "alexnet-32s"), ("FCN-VGG16", "vgg16-32s"), ("FCN-GoogLeNet", "googlenet-32s-pooled")],
)
def test_nets_are_those_of_the_papers_table_1(tmp_path, row, net):
    message, built = made(tmp_path, net)
    ours = summarise(message, count_costs(message, built, trains=False))
    paper = {metric: float(cell.value) for metric, cell in TABLE_1[row].items()}
    assert ours.parameter_layers == paper["parameter_layers"]
    assert round(ours.trainable / 1e6) == paper["parameters_millions"]
    assert ours.receptive_field == paper["receptive_field_px"]
    assert ours.max_stride == paper["max_stride_px"]


def test_googlenet_without_its_average_pooling_differs_in_the_receptive_field_alone(tmp_path):
    found = []
    for net in ("googlenet-32s", "googlenet-32s-pooled"):
        message, built = made(tmp_path, net)
        found.append(summarise(message, count_costs(message, built, trains=False)))
    without, pooled = found
    assert (without.receptive_field, pooled.receptive_field) == (715, 715 + 6 * 32)
    assert (without.trainable, without.parameter_layers) == (pooled.trainable, pooled.parameter_layers)


def test_fcn8s_takes_362_gflop_and_its_interpolation_one_more(tmp_path):
    found = costs_of(tmp_path, "vgg16-8s")
    maps = {698: [(3, 64), (64, 64)], 349: [(64, 128), (128, 128)], 175: [(128, 256), (256, 256), (256, 256)]}
    maps.update({88: [(256, 512), (512, 512), (512, 512)], 44: [(512, 512)] * 3})
    stages = sum(2 * 9 * c * d * side**2 for side, convolutions in maps.items() for c, d in convolutions)
    fully = 2 * 16**2 * (7 * 7 * 512 * 4096 + 4096 * 4096)
    scores = 2 * 21 * (16**2 * 4096 + 44**2 * 512 + 88**2 * 256)
    interpolation = 2 * 21**2 * (16**2 * 4**2 + 34**2 * 4**2 + 70**2 * 16**2)
    by_type = {kind: sum(c.forward for c in found if c.type == kind) for kind in ("Convolution", "Deconvolution")}
    assert by_type == {"Convolution": stages + fully + scores, "Deconvolution": interpolation}
    assert round(by_type["Convolution"] / 1e9) == 362
    assert total(found, "forward") == sum(by_type.values())


@pytest.mark.parametrize(
    ("net", "phase"),
    [("vgg16-mini-8s", "deploy"), ("vgg16-mini-8s", "train"), ("vgg16-mini-32s-fixed", "train"),
     ("vgg16-mini-8s-learned", "train"), ("mini-vgg16", "train")],
)  # fmt: skip
def test_torch_counts_the_same(tmp_path, net, phase):
    size = (96, 96) if net == "mini-vgg16" else (64, 47)
    message, built = made(tmp_path, net, phase, size, batch=2)
    for blobs in built.params.values():
        blobs[0].data[...] = np.random.default_rng(0).normal(0, 0.1, blobs[0].data.shape)  # nothing to be spared
    with FlopCounterMode(display=False) as forward:
        built._forward(0, len(built.layers) - 1)
    with FlopCounterMode(display=False) as backward:
        if phase == "train":
            built._backward(len(built.layers) - 1, 0)
    found = count_costs(message, built, phase == "train")
    assert total(found, "forward") == forward.get_total_flops()
    assert total(found, "backward") == backward.get_total_flops()


def test_arithmetic_and_memory_grow_with_the_batch_and_parameters_do_not(tmp_path):
    one, three = (costs_of(tmp_path, "vgg16-mini-8s", "train", (50, 60), batch) for batch in (1, 3))
    for what in ("forward", "backward", "activations", "gradients"):
        scalars = 8 if what in ("activations", "gradients") else 0  # the loss
        assert total(three, what) == pytest.approx(3 * total(one, what), abs=scalars)
    assert total(three, "parameters") == total(one, "parameters")


def test_memory_is_what_a_pass_leaves_in_blobs_that_are_no_part_of_others(tmp_path):
    message, built = made(tmp_path, "vgg16-mini-8s", "train", (50, 60))
    built._forward(0, len(built.layers) - 1)
    built._backward(len(built.layers) - 1, 0)
    found = count_costs(message, built, trains=True)
    own = [blob.count for name, blob in built.blobs.items() if "_split_" not in name]
    assert total(found, "activations") == 4 * sum(own)
    assert total(found, "gradients") == 4 * sum(b.count for b in built.blobs.values() if not b.gradient_is_blank)


def test_a_net_with_two_trunks_has_receptive_fields_in_both(tmp_path):
    data = SimpleNamespace(inputs={"color": 3, "hha": 3}, heads={"label": range(40)}, class_names=range(40), void=None)
    shapes = dict.fromkeys(("color", "hha"), (1, 3, 100, 120))
    message = replace_data_layers(build("vgg16-32s-late", "deploy", data), shapes)
    (tmp_path / "net.prototxt").write_text(str(message))
    found = {c.layer: c for c in count_costs(message, caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST), False)}
    assert found["fc7color"].grid == found["fc7hha"].grid == Grid(12.5, 32, 404)
    assert found["fc7color"].forward == found["fc7hha"].forward > 0
