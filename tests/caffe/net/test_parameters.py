import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from tests.fixtures.small_net import small_net

DATA = """
layer { name: "in" type: "DummyData" top: "data" top: "label"
        dummy_data_param { shape { dim: 2 dim: 3 } data_filler { type: "gaussian" } } }
"""


def ip(name: str, bottom: str, spec: str, more: str = "num_output: 3 bias_term: false") -> str:
    """An InnerProduct layer with a ParamSpec for its weights."""
    return f"""
    layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" param {{ {spec} }}
             inner_product_param {{ {more} weight_filler {{ type: "gaussian" }} }} }}"""


LOSS = 'layer { name: "loss" type: "EuclideanLoss" bottom: "b" bottom: "label" }'
SHARED = ip("a", "data", 'name: "w"') + ip("b", "a", 'name: "w"')
SEPARATE = ip("a", "data", "") + ip("b", "a", "")


def owners(net: caffe.Net) -> list[tuple[str, float, float]]:
    return [(p.layer.param.name, p.lr_mult, p.decay_mult) for p in net.learnable_params]


def test_every_parameter_is_listed_once_in_layer_order(tmp_path):
    text = ip("a", "data", 'name: "w"') + ip("x", "a", "lr_mult: 2") + ip("b", "x", 'name: "w"')
    net = small_net(tmp_path, DATA + text)
    assert owners(net) == [("a", 1, 1), ("x", 2, 1)]
    assert [net.is_shared(net.params[name][0]) for name in "axb"] == [False, False, True]


def test_sharers_have_one_memory_for_data_and_diff(tmp_path):
    net = small_net(tmp_path, DATA + SHARED)
    (a,), (b,) = net.params["a"], net.params["b"]
    b.data[0, 1] = 5
    b.diff[1, 0] = 6
    assert (a.data[0, 1], a.diff[1, 0]) == (5, 6)
    net.clear_param_diffs()
    assert not b.diff.any()


def test_the_owners_values_win_but_the_sharers_are_drawn_too(tmp_path):
    nets = []
    for text in SEPARATE, SHARED:
        caffe.set_random_seed(5)
        nets.append(small_net(tmp_path, DATA + text + ip("c", "b", "")))
    separate, shared = nets
    np.testing.assert_array_equal(shared.params["b"][0].data, separate.params["a"][0].data)
    np.testing.assert_array_equal(shared.params["c"][0].data, separate.params["c"][0].data)


def test_gradients_of_all_users_add_up(tmp_path):
    separate, shared = (small_net(tmp_path, DATA + text + LOSS) for text in (SEPARATE, SHARED))
    separate.params["b"][0].data[...] = shared.params["a"][0].data[...] = separate.params["a"][0].data
    for name in ("data", "label"):
        shared.blobs[name].data[...] = separate.blobs[name].data
    for net in (separate, shared):
        net._forward(1, len(net.layers) - 1)
        net.backward()
    total = separate.params["a"][0].diff + separate.params["b"][0].diff
    np.testing.assert_allclose(shared.params["a"][0].diff, total, rtol=1e-5)


@pytest.mark.parametrize(
    ("first", "second", "lr_mult", "decay_mult"),
    [
        ("", "", 1, 1),
        ("lr_mult: 2 decay_mult: 3", "", 2, 3),
        ("", "lr_mult: 2 decay_mult: 3", 2, 3),  # the owner adopts unset multipliers
        ("lr_mult: 2", "lr_mult: 2 decay_mult: 0", 2, 0),
    ],
)
def test_any_sharer_may_set_the_multipliers(tmp_path, first, second, lr_mult, decay_mult):
    net = small_net(tmp_path, DATA + ip("a", "data", f'name: "w" {first}') + ip("b", "a", f'name: "w" {second}'))
    assert owners(net) == [("a", lr_mult, decay_mult)]


WIDE = "num_output: 1 bias_term: false axis: 0"  # takes the six elements of a (2, 3) blob
TWO = "num_output: 2 bias_term: false"


def test_permissive_sharing_needs_equal_counts_only(tmp_path):
    text = ip("a", "data", 'name: "w"', TWO) + ip("b", "data", 'name: "w" share_mode: PERMISSIVE', WIDE)
    net = small_net(tmp_path, DATA + text)
    net.params["a"][0].data[...] = [[1, 2, 3], [4, 5, 6]]
    assert net.params["b"][0].data.tolist() == [[1, 2, 3, 4, 5, 6]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        *((ip("a", "data", f'name: "w" {name}: 2') + ip("b", "a", f'name: "w" {name}: 1'),
           rf"layer 'b' \(InnerProduct\) sets {name} 1 of the shared param 'w'; an earlier layer sets 2")
          for name in ("lr_mult", "decay_mult")),
        *((ip("a", "data", 'name: "w"', TWO) + ip("b", "data", f'name: "w" {mode}', WIDE),
           r"layer 'b' .* the param 'w' with layer 'a', .* \[1, 6\] and \[2, 3\]")
          for mode in ("", "share_mode: STRICT")),
        (ip("a", "data", 'name: "w"') + ip("b", "data", 'name: "w" share_mode: PERMISSIVE', WIDE),
         r"\[1, 6\] and \[3, 3\]"),
        (ip("a", "data", "lr_mult: 1 } param { lr_mult: 2"),
         r"layer 'a' \(InnerProduct\) has 2 param entries for 1 parameter blobs"),
    ],
    ids=["lr_mult", "decay_mult", "shapes", "shapes, strict", "counts, permissive", "more entries than parameters"],
)  # fmt: skip
def test_refuses_contradictions(tmp_path, text, complaint):
    with pytest.raises(CaffeError, match=complaint):
        small_net(tmp_path, DATA + text)
