import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from tests.fixtures.small_net import write

NET = """
name: "{}"
layer {{ name: "always" type: "Input" top: "x" input_param {{ shape {{ dim: 1 }} }} }}
layer {{ name: "train" type: "Silence" bottom: "x" include {{ phase: TRAIN }} }}
layer {{ name: "test" type: "Silence" bottom: "x" include {{ phase: TEST }} }}
layer {{ name: "deep" type: "Silence" bottom: "x" include {{ min_level: 2 }} }}
layer {{ name: "a" type: "Silence" bottom: "x" include {{ stage: "a" }} }}
layer {{ name: "b" type: "Silence" bottom: "x" include {{ stage: "b" }} }}
"""
INLINE = "{ " + NET.format("inline") + " }"


@pytest.fixture
def solver(tmp_path):
    for name in ("one", "two"):
        write(tmp_path, NET.format(name), f"{name}.prototxt")

    def make(text: str) -> caffe.SGDSolver:
        for name in ("one", "two"):
            text = text.replace(f'"{name}"', f'"{tmp_path}/{name}.prototxt"')
        return caffe.SGDSolver(write(tmp_path, text + ' lr_policy: "fixed"', "solver.prototxt"))

    return make


def layers(net: caffe.Net) -> str:
    """Return the names of the layers that rules kept."""
    return " ".join(name for name in net._layer_names if name not in ("always",) and not name.endswith("split"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('net: "one"', "one"),
        ('train_net: "two"', "two"),
        (f"net_param {INLINE}", "inline"),
        (f"train_net_param {INLINE}", "inline"),
    ],
)
def test_the_train_net_is_named_or_inline(solver, text, name):
    made = solver(text)
    assert (made.net.name, layers(made.net), made.test_nets) == (name, "train", [])


def test_test_nets_are_inline_then_named_then_copies_of_the_train_net(solver):
    made = solver(f"""
        net: "one" test_net: "two" test_net_param {INLINE} test_interval: 5
        test_iter: 1 test_iter: 2 test_iter: 3 test_iter: 4""")
    assert [net.name for net in made.test_nets] == ["inline", "two", "one", "one"]
    assert {layers(net) for net in made.test_nets} == {"test"}


def test_a_state_merges_phase_net_and_solver(solver, tmp_path):
    write(tmp_path, 'state { level: 2 stage: "a" }' + NET.format("one"), "one.prototxt")
    made = solver("""
        net: "one" test_iter: 1 test_iter: 1 test_interval: 1 train_state { stage: "b" }
        test_state { stage: "b" level: 0 } test_state { }""")
    assert layers(made.net) == "train deep a b"
    assert [layers(net) for net in made.test_nets] == ["test a b", "test deep a"]


def test_weights_load_into_all_nets(tmp_path):
    text = """layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 1 } } }
              layer { name: "ip" type: "InnerProduct" bottom: "x" inner_product_param { num_output: 1 } top: "ip" }"""
    net = caffe.Net(write(tmp_path, text), caffe.TRAIN)
    for value in (1, 2, 3):
        net.params["ip"][0].data[...] = value
        net.save(f"{tmp_path}/{value}.caffemodel")
    weights = f'weights: "{tmp_path}/1.caffemodel, {tmp_path}/2.caffemodel" weights: "{tmp_path}/3.caffemodel"'
    path = write(tmp_path, f'net: "{tmp_path}/net.prototxt" test_iter: 1 test_interval: 1 {weights}', "solver.prototxt")
    made = caffe.SGDSolver(path)
    assert [net.params["ip"][0].data.item() for net in (made.net, *made.test_nets)] == [3, 3]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "train net: got none, expected one of net, train_net"),
        ('net: "one" train_net: "two"', r"got \['net', 'train_net'\]"),
        ('train_net: "one" test_net: "two" test_interval: 1', "test_iter: got 0 values for 1 test nets; expected one"),
        (
            'train_net: "one" test_iter: 1 test_interval: 1',
            "test_iter: got 1 values for 0 test nets; expected one each",
        ),
        ('net: "one" test_net: "two" test_interval: 1', "test_iter: got 0 values for at least 1 test nets"),
        ('net: "one" test_iter: 1', "test_interval: got 0 with a test net; expected more than 0"),
        (
            'net: "one" test_iter: 1 test_interval: 1 test_state { } test_state { }',
            "test_state: got 2 values for 1 test",
        ),
        ('net: "three"', "Could not open file three"),
    ],
)
def test_refuses_and_names_the_solver_file(solver, text, complaint):
    with pytest.raises(CaffeError, match=f"solver.prototxt: .*{complaint}"):
        solver(text)


V1_LAYER = 'layers { name: "d" type: DUMMY_DATA top: "d" dummy_data_param { num: 1 channels: 1 height: 1 width: 1 } }'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("net_param { }", "net_param: got a net without layers"),
        (f"net_param {{ {V1_LAYER} }}", "Caffe upgrades files, and no inline nets"),
        ('net_param { layer { name: "i" type: "Input" top: "x" include { phase: TEST } } }', "include and exclude"),
    ],
)
def test_a_train_net_without_layers_is_refused(solver, text, complaint):
    with pytest.raises(CaffeError, match=complaint):
        solver(text)
