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


def owners(net: caffe.Net) -> list[tuple[str, float, float]]:
    return [(p.layer.param.name, p.lr_mult, p.decay_mult) for p in net.learnable_params]


def test_every_parameter_is_learnt_once_in_layer_order(tmp_path):
    net = small_net(
        tmp_path, DATA + ip("a", "data", 'name: "w"') + ip("x", "a", "lr_mult: 2") + ip("b", "x", 'name: "w"')
    )
    assert owners(net) == [("a", 1, 1), ("x", 2, 1)]
    assert [net.is_shared(net.params[name][0]) for name in "axb"] == [False, False, True]


def test_sharers_are_one_memory_data_and_diff(tmp_path):
    net = small_net(tmp_path, DATA + ip("a", "data", 'name: "w"') + ip("b", "a", 'name: "w"'))
    (a,), (b,) = net.params["a"], net.params["b"]
    b.data[0, 1] = 5
    b.diff[1, 0] = 6
    assert (a.data[0, 1], a.diff[1, 0]) == (5, 6)
    net.clear_param_diffs()
    assert not b.diff.any()


def test_the_owners_values_win_but_the_sharers_are_drawn_too(tmp_path):
    caffe.set_random_seed(5)
    apart = small_net(tmp_path, DATA + ip("a", "data", "") + ip("b", "a", "") + ip("c", "b", ""))
    caffe.set_random_seed(5)
    shared = small_net(tmp_path, DATA + ip("a", "data", 'name: "w"') + ip("b", "a", 'name: "w"') + ip("c", "b", ""))
    np.testing.assert_array_equal(shared.params["b"][0].data, apart.params["a"][0].data)
    np.testing.assert_array_equal(shared.params["c"][0].data, apart.params["c"][0].data)


def test_gradients_of_all_users_add_up(tmp_path):
    apart = small_net(tmp_path, DATA + ip("a", "data", "") + ip("b", "a", "") + LOSS)
    shared = small_net(tmp_path, DATA + ip("a", "data", 'name: "w"') + ip("b", "a", 'name: "w"') + LOSS)
    apart.params["b"][0].data[...] = apart.params["a"][0].data
    shared.params["a"][0].data[...] = apart.params["a"][0].data
    for name in ("data", "label"):
        shared.blobs[name].data[...] = apart.blobs[name].data
    for net in (apart, shared):
        net._forward(1, len(net.layers) - 1)
        net.backward()
    total = apart.params["a"][0].diff + apart.params["b"][0].diff
    np.testing.assert_allclose(shared.params["a"][0].diff, total, rtol=1e-5)


@pytest.mark.parametrize(
    ("first", "second", "lr_mult", "decay_mult"),
    [
        ("", "", 1, 1),
        ("lr_mult: 2 decay_mult: 3", "", 2, 3),
        ("", "lr_mult: 2 decay_mult: 3", 2, 3),  # the owner adopts what it does not say itself
        ("lr_mult: 2", "lr_mult: 2 decay_mult: 0", 2, 0),
    ],
)
def test_multipliers_are_those_that_anybody_gives(tmp_path, first, second, lr_mult, decay_mult):
    net = small_net(tmp_path, DATA + ip("a", "data", f'name: "w" {first}') + ip("b", "a", f'name: "w" {second}'))
    assert owners(net) == [("a", lr_mult, decay_mult)]


@pytest.mark.parametrize("name", ["lr_mult", "decay_mult"])
def test_refuses_multipliers_that_contradict(tmp_path, name):
    text = DATA + ip("a", "data", f'name: "w" {name}: 2') + ip("b", "a", f'name: "w" {name}: 1')
    with pytest.raises(
        CaffeError, match=rf"layer 'b' \(InnerProduct\) gives the shared param 'w' the {name} 1; it has 2"
    ):
        small_net(tmp_path, text)


WIDE = "num_output: 1 bias_term: false axis: 0"  # takes the six elements of a (2, 3) blob


@pytest.mark.parametrize("mode", ["", "share_mode: STRICT"])
def test_refuses_to_share_between_shapes(tmp_path, mode):
    text = DATA + ip("a", "data", 'name: "w"', "num_output: 2 bias_term: false")
    text += ip("b", "data", f'name: "w" {mode}', WIDE)
    with pytest.raises(CaffeError, match=r"layer 'b' .* the param 'w' with layer 'a', .* \[1, 6\] and \[2, 3\]"):
        small_net(tmp_path, text)


def test_shares_between_shapes_of_one_count_where_it_may(tmp_path):
    text = DATA + ip("a", "data", 'name: "w"', "num_output: 2 bias_term: false")
    net = small_net(tmp_path, text + ip("b", "data", 'name: "w" share_mode: PERMISSIVE', WIDE))
    net.params["a"][0].data[...] = [[1, 2, 3], [4, 5, 6]]
    assert net.params["b"][0].data.tolist() == [[1, 2, 3, 4, 5, 6]]


def test_refuses_to_share_between_counts_even_where_shapes_may_differ(tmp_path):
    text = DATA + ip("a", "data", 'name: "w"') + ip("b", "data", 'name: "w" share_mode: PERMISSIVE', WIDE)
    with pytest.raises(CaffeError, match=r"\[1, 6\] and \[3, 3\]"):
        small_net(tmp_path, text)


def test_refuses_more_param_entries_than_parameters(tmp_path):
    with pytest.raises(CaffeError, match=r"layer 'a' \(InnerProduct\) has 2 param entries for 1 parameter blobs"):
        small_net(tmp_path, DATA + ip("a", "data", "lr_mult: 1 } param { lr_mult: 2"))
