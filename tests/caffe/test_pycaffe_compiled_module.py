"""caffe._caffe has the names and types of pycaffe's compiled module, as a list of them from a real build says."""

import numpy as np
import pytest

from fcn_repro import caffe
from fcn_repro.caffe import _caffe
from tests.fixtures import python_layers
from tests.fixtures.small_net import TRAINABLE, small_net, write

NAMES = """
    AdaDeltaSolver AdaGradSolver AdamSolver Blob BlobVec BoolVec DtypeVec IntVec Layer LayerParameter LayerVec NCCL
    NesterovSolver Net NetVec RMSPropSolver RawBlobVec SGDSolver Solver SolverParameter StringVec Timer __version__
    get_solver has_nccl init_log layer_type_list log set_device set_mode_cpu set_mode_gpu set_multiprocess
    set_random_seed set_solver_count set_solver_rank solver_count solver_rank
"""
CACHES = {
    "_input_list": "inputs", "_output_list": "outputs", "_blobs_dict": "blobs", "_params_dict": "params",
    "_layer_dict": "layer_dict", "_top_names": "top_names", "_bottom_names": "bottom_names",
}  # fmt: skip


def test_has_the_compiled_modules_names():
    assert [name for name in NAMES.split() if not hasattr(_caffe, name)] == []
    assert caffe._caffe is _caffe and _caffe.Net is caffe.Net and issubclass(caffe.SGDSolver, _caffe.Solver)


def test_lists_have_pycaffes_types(tmp_path):
    net = small_net(tmp_path)
    found = {
        _caffe.BlobVec: [net.params["conv"], net._blobs, net.layers[1].blobs],
        _caffe.StringVec: [net._layer_names, net._blob_names],
        _caffe.IntVec: [net._inputs, net._outputs, net._top_ids(0), net._bottom_ids(0), net.blobs["data"].shape],
        _caffe.DtypeVec: [net._blob_loss_weights],
        _caffe.LayerVec: [net.layers],
    }
    for kind, lists in found.items():
        assert [type(each) for each in lists] == [kind] * len(lists)


def test_solvers_list_their_test_nets_and_layers_get_their_blobs_in_pycaffes_types(tmp_path):
    write(tmp_path, TRAINABLE)
    text = f'net: "{tmp_path}/net.prototxt" base_lr: 1 lr_policy: "fixed" test_iter: 1 test_interval: 1'
    solver = caffe.SGDSolver(write(tmp_path, text, "solver.prototxt"))
    assert type(solver.test_nets) is _caffe.NetVec
    assert {type(blobs) for blobs in (*solver.net._bottoms, *solver.net._tops)} == {_caffe.RawBlobVec}


def test_a_python_layer_gets_raw_blob_vectors(tmp_path, monkeypatch):
    seen = []

    class Looks(caffe.Layer):
        def setup(self, bottom, top):
            seen.extend([type(bottom), type(top)])

        def reshape(self, bottom, top):
            top[0].reshape(1)

    monkeypatch.setattr(python_layers, "Looks", Looks, raising=False)
    param = f'python_param {{ module: "{python_layers.__name__}" layer: "Looks" }}'
    small_net(tmp_path, f'layer {{ name: "p" type: "Python" top: "p" {param} }}')
    assert seen == [_caffe.RawBlobVec] * 2


@pytest.mark.parametrize(("attribute", "name"), CACHES.items())
def test_the_private_caches_hold_what_the_properties_return(tmp_path, attribute, name):
    net = small_net(tmp_path)
    assert not hasattr(net, attribute)
    assert getattr(net, name) is getattr(net, attribute)
    setattr(net, attribute, "replaced")
    assert getattr(net, name) == "replaced"


def test_forward_fills_the_caches_that_scripts_read_after_it(tmp_path):
    net = small_net(tmp_path)
    assert list(net.forward()) == net._output_list == ["loss"]


def test_batches_pad_the_last_with_zeros(tmp_path):
    net = small_net(tmp_path)
    batches = list(net._batch({"data": np.ones((7, 2, 3, 4))}))
    assert [batch["data"].sum(axis=(1, 2, 3)).tolist() for batch in batches] == [[24] * 5, [24, 24, 0, 0, 0]]
