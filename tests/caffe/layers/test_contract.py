from pathlib import Path

import numpy as np
import pytest
import torch

from fcn_repro.caffe import CaffeError, layer_type_list
from tests.fixtures.layers.contract import Built, Promise, check_gradients, check_shapes
from tests.fixtures.layers.promises import PROMISES

# Layers that need files, arrays or a user's code, each with a test file of its own.
ON_THEIR_OWN = {
    "Data": "test_data.py",
    "HDF5Data": "test_hdf5_data.py",
    "HDF5Output": "test_hdf5_output.py",
    "ImageData": "test_image_data.py",
    "MemoryData": "test_memory_data.py",
    "Python": "../test_pycaffe_python_layer.py",
}


def test_every_layer_type_has_a_promise_or_a_test_of_its_own():
    assert {promise.type for promise in PROMISES} | ON_THEIR_OWN.keys() == set(layer_type_list())
    here = Path(__file__).parent
    assert all((here / name).exists() for name in ON_THEIR_OWN.values())


@pytest.mark.parametrize("promise", PROMISES, ids=str)
def test_declares_the_shapes_it_makes(promise: Promise):
    check_shapes(promise)


@pytest.mark.parametrize("promise", [p for p in PROMISES if p.has_backward and p.dtype == torch.float64], ids=str)
def test_gradients_are_those_of_the_forward_pass(promise: Promise):
    check_gradients(promise)


@pytest.mark.parametrize("promise", [promise for promise in PROMISES if not promise.has_backward], ids=str)
def test_refuses_a_backward_pass_that_it_does_not_have(promise: Promise):
    built = Built(promise)
    tops = built.forward()
    with pytest.raises(CaffeError, match="has no backward pass"):
        built.backward(tops)


@pytest.mark.parametrize(
    "promise", [p for p in PROMISES if p.blobs and p.learned is None and p.type != "Scale"], ids=str
)
def test_adds_to_the_gradients_of_parameters(promise: Promise):
    built = Built(promise)
    weights = built.forward()
    once = built.backward(weights)[1]
    wanted = [given.learns for given in promise.bottoms]
    for blob, weight in zip(built.top, weights, strict=True):
        blob.store_gradient(weight.clone())
    built.layer.backward(built.top, wanted, built.bottom)
    twice = [blob.gradient for blob in built.layer.blobs]
    for first, second in zip(once, twice, strict=True):
        assert second.numpy() == pytest.approx(2 * first.numpy())


@pytest.mark.parametrize("promise", [p for p in PROMISES if p.bottoms and p.has_backward and not p.in_place], ids=str)
def test_changes_none_of_its_bottoms(promise: Promise):
    built = Built(promise)
    weights = built.forward()
    built.backward(weights)
    for blob, given in zip(built.bottom, built.given, strict=True):
        assert np.array_equal(blob.tensor.numpy(), given.numpy())
