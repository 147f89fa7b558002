import numpy as np
import pytest

from fcn_repro.caffe import CaffeError, layer_type_list
from tests.fixtures.layers.catalogue import CASES
from tests.fixtures.layers.layer_case import LayerCase
from tests.oracle.comparison import Record
from tests.oracle.oracle import Case, Oracle, Refused, run_ours
from tests.oracle.random_layers import MAKERS, layers

RANDOM_LAYERS = 70  # of each type
COMPARED = [case for case in CASES if case.is_comparable]
COMPARED_ELSEWHERE = {
    "Clip": "missing in the wheel: tests/caffe/layers/activation/test_clip.py",
    "Data": "test_data_layers.py",
    "DummyData": "test_random_numbers.py",
    "HDF5Data": "test_data_layers.py",
    "HDF5Output": "test_data_layers.py",
    "ImageData": "test_data_layers.py",
    "Input": "feeds every net here",
    "MemoryData": "test_data_layers.py",
    "Python": "user's code",
    "WindowData": "test_data_layers.py",
}


def scenario(case: LayerCase) -> Case:
    """Two forward and backward passes over different values."""
    runs = enumerate(case.draw())
    arrays = {f"{index}/b{place}": np.float32(x) for index, run in runs for place, x in enumerate(run)}
    passes = {"text": case.text, "phase": case.phase, "seed": case.seed, "passes": 2, "backward": case.backward}
    return Case("net", passes, arrays)


def test_compares_every_layer_type_or_names_the_test_that_does():
    assert {case.type for case in COMPARED} | COMPARED_ELSEWHERE.keys() == set(layer_type_list())


@pytest.mark.parametrize("case", COMPARED, ids=str)
def test_computes_what_caffe_computes(case: LayerCase, oracle: Oracle, record: Record):
    theirs = oracle.run(scenario(case))
    record.check("Layers", case.type, run_ours(scenario(case)), theirs, case.limit)


@pytest.mark.parametrize("type_", MAKERS)
def test_computes_what_caffe_computes_for_random_layers(type_: str, oracle: Oracle, record: Record):
    cases = layers(type_, RANDOM_LAYERS)
    refused = 0
    for case, theirs in zip(cases, oracle.run_all(scenario(case) for case in cases), strict=True):
        if isinstance(theirs, Refused):
            refused += 1
            with pytest.raises(CaffeError):
                run_ours(scenario(case))
        else:
            record.check("Random layers", type_, run_ours(scenario(case)), theirs, case.limit)
    assert refused < RANDOM_LAYERS / 4, f"{refused} of {RANDOM_LAYERS} random layers are invalid; fix the generator"
