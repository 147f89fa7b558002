import re
from pathlib import Path

import pytest
from google.protobuf import text_format

from fcn_repro.caffe import CaffeError
from fcn_repro.caffe.proto import caffe_pb2
from tests.oracle.oracle import Case, Oracle, Refused, run_ours
from tests.oracle.prototxts import DATA
from tests.oracle.solver_cases import train_case


def layer(type_: str, bottoms: str, tops: str = "t", fields: str = "") -> str:
    """A layer whose bottoms are Inputs of shapes like `2x3 4`; `relu {` stands for `relu_param {`."""
    shapes = [" ".join(f"dim: {dim}" for dim in shape.split("x")) for shape in bottoms.split()]
    inputs = "".join(
        f'layer {{ name: "b{i}" type: "Input" top: "b{i}" input_param {{ shape {{ {shape} }} }} }}\n'
        for i, shape in enumerate(shapes)
    )
    wiring = " ".join([f'bottom: "b{i}"' for i in range(len(shapes))] + [f'top: "{top}"' for top in tops.split()])
    fields = re.sub(r"^(?!param|include)(\w+) {", r"\1_param {", fields)
    return f'{inputs}layer {{ name: "layer" type: "{type_}" {wiring} {fields} }}'


def layer_nets() -> dict[str, str]:
    """Title -> prototxt of each row of refused_layers.txt."""
    nets = {}
    for row in (Path(__file__).parent / "refused_layers.txt").read_text().splitlines()[1:]:
        type_, fault, shapes, fields = (cell.strip() for cell in f"{row}|||".split("|")[:4])
        bottoms, _, tops = shapes.partition(" -> ")
        nets[f"{type_}, {fault}"] = layer(type_, bottoms, tops or "t", fields)
    return nets


def sharing(params: tuple[str, str], outputs: tuple[int, int]) -> str:
    """Two InnerProducts that share their weights."""
    return DATA + "".join(
        f'layer {{ name: "{i}" type: "InnerProduct" bottom: "x" top: "{i}" param {{ name: "w" {params[i]} }} '
        f"inner_product_param {{ num_output: {outputs[i]} }} }}"
        for i in (0, 1)
    )


NETS = {
    **layer_nets(),
    "an unknown bottom": 'layer { name: "a" type: "ReLU" bottom: "x" top: "x" }',
    "a blob overwritten behind its reader": layer("Power", "2x3")
    + 'layer { name: "late" type: "ReLU" bottom: "b0" top: "b0" }',
    "two layers with one top": layer("ReLU", "2x3") + 'layer { name: "z" type: "TanH" bottom: "b0" top: "t" }',
    "layers in two formats": layer("ReLU", "2x3") + 'layers { name: "v1" type: RELU bottom: "t" top: "t" }',
    "shared parameters of two shapes": sharing(("", ""), (2, 3)),
    "shared parameters of two rates": sharing(("lr_mult: 2", "lr_mult: 3"), (2, 2)),
    "DummyData, two fillers for three tops": 'layer { name: "d" type: "DummyData" top: "a" top: "b" top: "c" '
    "dummy_data_param { shape { dim: 1 } data_filler { } data_filler { } } }",
    "Input, two shapes for three tops": 'layer { name: "i" type: "Input" top: "a" top: "b" top: "c" '
    "input_param { shape { dim: 1 } shape { dim: 1 } } }",
    "MemoryData, no height": 'layer { name: "m" type: "MemoryData" top: "a" top: "b" '
    "memory_data_param { batch_size: 1 channels: 1 width: 1 } }",
}
BACKWARD = {
    "Threshold": layer("Threshold", "2x3"),
    "Accuracy": layer("Accuracy", "2x3 2"),
    "ArgMax": layer("ArgMax", "2x3"),
    "Embed": layer("Embed", "2", fields="embed { num_output: 1 input_dim: 1 }"),
}
SOLVERS = {
    "an unknown type": "type: 'RMSProb' base_lr: 1 lr_policy: 'fixed'",
    "an unknown policy": "base_lr: 1 lr_policy: 'cosine'",
    "no policy": "base_lr: 1",
    "an unknown field": "base_lr: 1 lr_policy: 'fixed' learning_rate: 1",
    "type and solver_type": "type: 'SGD' solver_type: ADAM base_lr: 1 lr_policy: 'fixed'",
    "two nets": "train_net: 'net.prototxt' base_lr: 1 lr_policy: 'fixed'",
    "AdaGrad with momentum": "type: 'AdaGrad' momentum: 0.9 base_lr: 1 lr_policy: 'fixed'",
    "RMSProp with momentum": "type: 'RMSProp' momentum: 0.9 base_lr: 1 lr_policy: 'fixed'",
    "RMSProp, decay 1": "type: 'RMSProp' rms_decay: 1 base_lr: 1 lr_policy: 'fixed'",
    "an unknown regularization": "base_lr: 1 lr_policy: 'fixed' weight_decay: 1 regularization_type: 'L3'",
    "tests without an interval": "base_lr: 1 lr_policy: 'fixed' test_iter: 1",
    "average_loss of 0": "base_lr: 1 lr_policy: 'fixed' average_loss: 0",
    "a negative gamma": "base_lr: 1 lr_policy: 'exp' gamma: -1",
    "no step size": "base_lr: 1 lr_policy: 'step' gamma: 1",
    "snapshots into a missing folder": "base_lr: 1 lr_policy: 'fixed' snapshot: 1 snapshot_prefix: 'none/x'",
}


def assert_both_refuse(case: Case, oracle: Oracle) -> None:
    with pytest.raises(Refused):
        oracle.run(case)
    with pytest.raises((CaffeError, RuntimeError)) as found:
        run_ours(case)
    assert len(str(found.value)) > 20, "the message must help"


@pytest.mark.parametrize("name", NETS)
def test_nets_that_abort_caffe_are_refused(name: str, oracle: Oracle):
    assert_both_refuse(Case("net", {"text": NETS[name], "backward": False}), oracle)


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_passes_that_abort_caffe_are_refused(name: str, oracle: Oracle):
    assert_both_refuse(Case("net", {"text": "force_backward: true " + BACKWARD[name]}), oracle)


@pytest.mark.parametrize("name", SOLVERS)
def test_solvers_that_abort_caffe_are_refused(name: str, oracle: Oracle):
    assert_both_refuse(train_case(SOLVERS[name], [3]), oracle)


def test_only_the_named_faults_are_there(oracle: Oracle):
    """All nets parse but the one with an unknown field, and the helpers above add no fault."""
    for name in NETS.keys() - {"ReLU, an unknown field"}:
        text_format.Parse(NETS[name], caffe_pb2.NetParameter())
    oracle.run(Case("net", {"text": layer("ReLU", "2x3")}))
    oracle.run(Case("net", {"text": sharing(("", ""), (2, 2))}))
    oracle.run(train_case("base_lr: 0.1 lr_policy: 'fixed'", [3]))
