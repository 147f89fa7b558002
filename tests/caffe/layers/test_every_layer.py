"""Laws of all layer types, checked on the table of cases that the comparison with real Caffe uses too."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from fcn_repro.caffe import CaffeError, layer_type_list
from fcn_repro.caffe.layers.forks import FORK_LAYER_TYPES
from tests.fixtures.layers.catalogue import BY_HAND, CASES
from tests.fixtures.layers.layer_case import LayerCase
from tests.fixtures.layers.one_layer import CaseLayer

STEP = 1e-6
TOLERANCE = 1e-5  # relative to 1 + the slope's magnitude, in float64

# Layers that need files, arrays or a user's code, each with its own test file.
TESTED_ELSEWHERE = {
    "Data": "data/test_data.py",
    "DenseImageData": "forks/test_label_map_data.py",
    "HDF5Data": "data/test_hdf5_data.py",
    "HDF5Output": "data/test_hdf5_output.py",
    "ImageData": "data/test_image_data.py",
    "ImageLabelmapData": "forks/test_label_map_data.py",
    "ImageSegData": "forks/test_label_map_data.py",
    "MemoryData": "data/test_memory_data.py",
    "Python": "../test_pycaffe_python_layer.py",
    "WindowData": "data/test_window_data.py",
}
WITHOUT_BACKWARD = ("Accuracy", "ArgMax", "SegAccuracy", "Threshold")
BLOBS_WITH_GRADIENTS = {"BatchNorm": 0, "BN": 2, "Parameter": 0}  # the first of each type; the rest are statistics


def has_slopes(case: LayerCase) -> bool:
    """Whether numeric gradients exist: the bottoms that get gradients are continuous."""
    has_kinks = case.bottoms and case.bottoms[0].is_discrete and case.type != "Embed"
    return bool(case.bottoms) and case.backward and case.is_differentiable and not has_kinks


DIFFERENTIABLE = [case for case in CASES if has_slopes(case)]


def test_every_layer_type_has_shapes_by_hand_or_its_own_test_file():
    assert {case.type for case in BY_HAND} | TESTED_ELSEWHERE.keys() == {*layer_type_list(), *FORK_LAYER_TYPES}
    assert all((Path(__file__).parent / name).exists() for name in TESTED_ELSEWHERE.values())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_declares_the_shapes_it_makes(case: LayerCase):
    built = CaseLayer(case)
    for bottoms in (built.given, built.later):
        built.write(bottoms)
        built.layer.reshape(built.bottom, built.top)
        declared = [blob.dims for blob in built.top]
        if case.top_shapes is not None and case.type != "Filter":
            assert declared == list(case.top_shapes)
        made = [tuple(top.shape) for top in built.run_forward(bottoms)]
        assert made == [blob.dims for blob in built.top]
        assert made == declared or case.type == "Filter"  # which depends on the selector's values
    if case.blob_shapes is not None:
        assert [blob.dims for blob in built.layer.blobs] == list(case.blob_shapes)


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)
def test_gradients_are_those_of_the_forward_pass_and_add_up_in_parameters(case: LayerCase):
    built = CaseLayer(case)
    random = np.random.RandomState(2)
    tops = built.run_forward()
    weights = [torch.tensor(random.standard_normal(top.shape)).reshape(top.shape) for top in tops]
    d_bottoms, d_blobs = built.run_backward(weights)
    if not case.in_place:
        for blob, given in zip(built.bottom, built.given, strict=True):
            assert np.array_equal(blob.tensor.numpy(), given)
    if case.type not in ("Scale", "Parameter"):  # Caffe overwrites the gradient of Scale's factor
        for once, twice in zip(d_blobs, built.run_backward(weights)[1], strict=True):
            torch.testing.assert_close(twice, 2 * once)

    def check(gradient: torch.Tensor, start: np.ndarray, write: Callable[[np.ndarray], None]) -> None:
        """Compare with the slope of the weighted sum of all tops along a random direction."""
        direction, ends = random.standard_normal(start.shape), []
        for step in (STEP, -STEP, 0):
            write(start + step * direction)
            ends.append(sum(float((top * w).sum()) for top, w in zip(built.run_forward(), weights, strict=True)))
        slope = (ends[0] - ends[1]) / (2 * STEP)
        assert (gradient.numpy() * direction).sum() == pytest.approx(slope, rel=TOLERANCE, abs=TOLERANCE)

    for index, wanted in enumerate(built.wanted):
        if wanted:
            check(d_bottoms[index], built.given[index], partial(built.given.__setitem__, index))
    trained = BLOBS_WITH_GRADIENTS.get(case.type, len(d_blobs))
    for blob, gradient in list(zip(built.layer.blobs, d_blobs, strict=True))[:trained]:
        check(gradient, blob.tensor.numpy().copy(), lambda values, blob=blob: blob.store(torch.tensor(values)))


@pytest.mark.parametrize("case", [case for case in BY_HAND if case.type in WITHOUT_BACKWARD], ids=str)
def test_refuses_a_backward_pass_that_it_does_not_have(case: LayerCase):
    built = CaseLayer(case)
    with pytest.raises(CaffeError, match="has no backward pass"):
        built.run_backward(built.run_forward())
