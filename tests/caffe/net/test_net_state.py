import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.net.net_state import filter_layers
from fcn_repro.caffe.proto import caffe_pb2, prototxt


def kept(text: str) -> list[str]:
    return [layer.name for layer in filter_layers(prototxt.parse(text, caffe_pb2.NetParameter, "net"))]


def is_kept(state: str, rules: str) -> bool:
    return kept(f'state {{ {state} }} layer {{ name: "x" {rules} }}') == ["x"]


@pytest.mark.parametrize(
    ("state", "rule", "met"),
    [
        ("phase: TEST", "", True),  # an empty rule is always met
        ("phase: TEST", "phase: TEST", True),
        ("phase: TEST", "phase: TRAIN", False),
        ("", "phase: TEST", True),  # by default a net has phase TEST
        ("", "min_level: 0", True),  # and level 0
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
        ('stage: "a" stage: "b"', 'stage: "a" stage: "b"', True),  # all stages of a rule must hold
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
def test_a_met_rule_includes_or_excludes(state, rule, met):
    assert is_kept(state, f"include {{ {rule} }}") is met
    assert is_kept(state, f"exclude {{ {rule} }}") is not met


@pytest.mark.parametrize(("level", "included"), [(0, True), (1, False), (2, True)])
def test_one_of_several_rules_suffices(level, included):
    rules = "{0} {{ max_level: 0 }} {0} {{ min_level: 2 }}"
    assert is_kept(f"level: {level}", rules.format("include")) is included
    assert is_kept(f"level: {level}", rules.format("exclude")) is not included


def test_kept_layers_stay_in_order_and_a_layers_phase_is_not_a_rule():
    assert kept("""state { phase: TRAIN }
        layer { name: "a" } layer { name: "b" include { phase: TEST } } layer { name: "c" exclude { phase: TEST } }
        layer { name: "d" include { phase: TRAIN } } layer { name: "e" phase: TEST }""") == ["a", "c", "d", "e"]


def test_refuses_a_layer_with_both_kinds_of_rules():
    with pytest.raises(CaffeError, match="layer 'x' has include and exclude rules; expected one kind"):
        is_kept("", "include { phase: TEST } exclude { phase: TRAIN }")
