import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.net.net_state import filtered_layers
from fcn_repro.caffe.proto import caffe_pb2, prototxt


def kept(state: str, rules: str) -> bool:
    net = prototxt.parse(f'state {{ {state} }} layer {{ name: "x" {rules} }}', caffe_pb2.NetParameter, "net")
    return [layer.name for layer in filtered_layers(net)] == ["x"]


@pytest.mark.parametrize(
    ("state", "rule", "met"),
    [
        ("phase: TEST", "", True),  # an empty rule is always met
        ("phase: TEST", "phase: TEST", True),
        ("phase: TEST", "phase: TRAIN", False),
        ("", "phase: TEST", True),  # a net without a phase tests
        ("", "min_level: 0", True),  # and has level 0
        ("", "min_level: 1", False),
        ("level: 2", "min_level: 2", True),
        ("level: 2", "min_level: 3", False),
        ("level: 2", "max_level: 2", True),
        ("level: 2", "max_level: 1", False),
        ("level: 2", "min_level: 1 max_level: 3", True),
        ("level: 4", "min_level: 1 max_level: 3", False),
        ("level: -1", "max_level: 0", True),
        ("level: -1", "min_level: 0", False),
        ('stage: "a"', 'stage: "a"', True),
        ("", 'stage: "a"', False),
        ('stage: "b"', 'stage: "a"', False),
        ('stage: "a" stage: "b"', 'stage: "b"', True),
        ('stage: "a" stage: "b"', 'stage: "a" stage: "b"', True),  # stages of one rule must all hold
        ('stage: "a"', 'stage: "a" stage: "b"', False),
        ("", 'not_stage: "a"', True),
        ('stage: "a"', 'not_stage: "a"', False),
        ('stage: "b"', 'not_stage: "a" not_stage: "b"', False),  # and none of its not_stages
        ('stage: "a" stage: "b"', 'stage: "a" not_stage: "b"', False),
        ('stage: "a"', 'stage: "a" not_stage: "b"', True),
        ('phase: TRAIN level: 1 stage: "a"', 'phase: TRAIN min_level: 1 stage: "a"', True),  # all parts must hold
        ('phase: TEST level: 1 stage: "a"', 'phase: TRAIN min_level: 1 stage: "a"', False),
        ('phase: TRAIN level: 0 stage: "a"', 'phase: TRAIN min_level: 1 stage: "a"', False),
    ],
)
def test_a_rule_that_is_met_includes_or_excludes(state, rule, met):
    assert kept(state, f"include {{ {rule} }}") is met
    assert kept(state, f"exclude {{ {rule} }}") is not met


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_a_layer_without_rules_is_always_kept(phase):
    assert kept(f"phase: {phase}", "")
    assert kept(f"phase: {phase}", "phase: TRAIN")  # a layer's own phase says how it works, not whether


@pytest.mark.parametrize(("level", "included"), [(0, True), (1, False), (2, True)])
def test_of_several_rules_one_is_enough(level, included):
    rules = "{} {{ max_level: 0 }} {} {{ min_level: 2 }}"
    assert kept(f"level: {level}", rules.format("include", "include")) is included
    assert kept(f"level: {level}", rules.format("exclude", "exclude")) is not included


def test_layers_that_are_kept_stay_in_order():
    net = prototxt.parse(
        """state { phase: TRAIN }
        layer { name: "a" } layer { name: "b" include { phase: TEST } } layer { name: "c" exclude { phase: TEST } }
        layer { name: "d" include { phase: TRAIN } }""",
        caffe_pb2.NetParameter,
        "net",
    )
    assert [layer.name for layer in filtered_layers(net)] == ["a", "c", "d"]


def test_refuses_a_layer_with_both_kinds_of_rules():
    with pytest.raises(CaffeError, match="layer 'x' has both include and exclude rules; keep one kind"):
        kept("", "include { phase: TEST } exclude { phase: TRAIN }")
