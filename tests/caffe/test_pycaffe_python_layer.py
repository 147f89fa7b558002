import re
import sys

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe.errors import CaffeError
from tests.fixtures import python_layers
from tests.fixtures.small_net import small_net, write

RNG = np.random.RandomState(1)
HERE = python_layers.__name__


def python(layer, bottom="", top="top", param_str="", more="", module=HERE) -> str:
    bottom = f'bottom: "{bottom}"' if bottom else ""
    return f"""
        layer {{ name: "{top}" type: "Python" {bottom} top: "{top}" {more} python_param {{
          module: "{module}" layer: "{layer}" param_str: "{param_str}" }} }}"""


INPUT = """
    force_backward: true
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 10 dim: 9 dim: 8 } } }"""
CHAIN = INPUT + python("Times", "data", "a", "10") + python("Times", "a", "b", "2") + python("Times", "b", "c", "0.5")


@pytest.fixture
def net(tmp_path):
    return small_net(tmp_path, CHAIN)


def test_forward_and_backward_run_the_users_code(net):
    net.blobs["data"].data[...] = 8
    assert (net.forward()["c"] == 80).all()
    assert (net.blobs["b"].data == 160).all()
    net.blobs["c"].diff[...] = 7
    assert (net.backward(diffs=["b"])["data"] == 70).all()
    assert net.layer_dict["a"].propagate_down == [True]


def test_layers_are_the_users_objects_and_reshape_runs_at_set_up_and_before_every_forward(net):
    layer = net.layers[1]
    assert type(layer) is python_layers.Times
    assert (layer.factor, layer.param_str, layer.type) == (10, "10", "Python")
    net.forward()
    net.reshape()
    net.forward()
    net.backward()
    passes = ["reshape", "forward", "reshape", "reshape", "forward", "backward"]
    assert net.layer_dict["b"].calls == ["setup", "reshape", *passes]
    net.blobs["data"].reshape(4, 3)
    net.forward()
    assert [list(net.blobs[name].shape) for name in "abc"] == [[4, 3]] * 3


@pytest.mark.parametrize("method", ["setup", "reshape", "forward", "backward"])
def test_the_users_errors_reach_the_caller(tmp_path, method):
    with pytest.raises(ZeroDivisionError, match=f"in {method}"):
        net = small_net(tmp_path, INPUT + python("Raises", "data", param_str=method))
        assert method in ("forward", "backward")
        outputs = net.forward()
        assert method == "backward"
        net.backward(**outputs)


def test_parameters_of_a_python_layer_are_trained_saved_and_shared(tmp_path):
    net = small_net(tmp_path, INPUT + python("Weighted", "data"))
    blob, values = net.layers[1].blobs[0], net.params["top"][0].data
    assert values.tolist() == [[0, 0, 0]]
    net.forward()
    net.backward()
    assert blob.diff.tolist() == [[1, 1, 1]]
    blob.data[...] = 5
    assert values.tolist() == [[5, 5, 5]]

    net.save(str(tmp_path / "w.caffemodel"))
    blob.data[...] = 6
    net.copy_from(str(tmp_path / "w.caffemodel"))
    assert values.tolist() == [[5, 5, 5]]

    other = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    other.share_with(net)
    blob.data[...] = 7
    assert other.params["top"][0].data.tolist() == [[7, 7, 7]]


@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST])
def test_a_layer_has_its_nets_phase_and_by_default_an_empty_param_str(tmp_path, phase):
    text = python("Phase", top="phase").replace('param_str: ""', "")
    net = small_net(tmp_path, text, phase)
    assert net.forward()["phase"] == phase and net.layers[0].param_str == ""


def test_a_python_loss_has_its_loss_weight(tmp_path):
    weighted = python("SquaredLoss", "data", "loss", more="loss_weight: 3")
    net = small_net(tmp_path, INPUT + weighted + python("SquaredLoss", "data", "free"))
    data = net.blobs["data"].data
    data[...] = RNG.standard_normal(data.shape)
    assert net._forward(0, len(net.layers) - 1) == pytest.approx(1.5 * (data**2).sum(), rel=1e-5)
    np.testing.assert_allclose(net.backward()["data"], 3 * data, rtol=1e-6)
    assert (net.blob_loss_weights["loss"], net.blob_loss_weights["free"]) == (3, 0)


def test_a_users_layer_may_have_any_attributes(tmp_path):
    net = small_net(tmp_path, python("NamedLikeOurs"))
    assert net.forward()["top"].tolist() == [2]
    net.save(str(tmp_path / "w.caffemodel"))
    net.copy_from(str(tmp_path / "w.caffemodel"))
    assert net.layers[0].tops == ["data", "label"]


def test_modules_are_found_on_sys_path(tmp_path, monkeypatch):
    (tmp_path / "users_own.py").write_text(
        "from fcn_repro import caffe\n"
        "class Three(caffe.Layer):\n"
        "    def setup(self, bottom, top): pass\n"
        "    def reshape(self, bottom, top): top[0].reshape(1)\n"
        "    def forward(self, bottom, top): top[0].data[...] = 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert small_net(tmp_path, python("Three", module="users_own")).forward()["top"] == [3]
    sys.modules.pop("users_own")


@pytest.mark.parametrize(
    ("module", "layer", "complaint"),
    [
        ("nowhere_to_be_found", "Times", "no module 'nowhere_to_be_found' is on sys.path. Fix: .* PYTHONPATH"),
        (HERE, "Twice", "has no class of that name"),
        (HERE, "NOT_A_LAYER", "has no class of that name that derives from caffe.Layer"),
    ],
)
def test_refuses_a_missing_layer_class(tmp_path, module, layer, complaint):
    with pytest.raises(caffe.CaffeError, match=complaint):
        small_net(tmp_path, python(layer, module=module))


def test_refuses_to_train_beside_other_solvers_in_one_process(tmp_path):
    path = write(tmp_path, CHAIN)
    caffe.set_solver_count(2)
    try:
        with pytest.raises(caffe.CaffeError, match="cannot train beside 1 other solver"):
            caffe.Net(path, caffe.TRAIN)
        caffe.Net(path, caffe.TEST)
        caffe.set_multiprocess(True)
        caffe.Net(path, caffe.TRAIN)
    finally:
        caffe.set_solver_count(1)
        caffe.set_multiprocess(False)


@pytest.mark.parametrize(
    ("module", "fix"),
    [
        ("./lay", "write module: 'lay', and add . to PYTHONPATH"),
        ("/folder/lay.py", "write module: 'lay', and add /folder to PYTHONPATH"),
        ("folder/lay", "write module: 'lay', and add folder to PYTHONPATH"),
        ("lay.py", "write module: 'lay', and add its folder to PYTHONPATH"),
        (".lay", "write module: 'lay', and add its folder to PYTHONPATH"),
        ("", "write module: 'NAME', and add its folder to PYTHONPATH"),
    ],
)
def test_a_module_given_by_path_is_refused_with_the_name_to_write(tmp_path, monkeypatch, module, fix):
    (tmp_path / "lay.py").write_text("import caffe\nclass One(caffe.Layer): pass")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "caffe", caffe)
    monkeypatch.delitem(sys.modules, "lay", raising=False)
    with pytest.raises(CaffeError, match=re.escape(fix)) as found:
        small_net(tmp_path, python("One", module=module))
    assert "layer 'top' (Python) needs" in str(found.value)
