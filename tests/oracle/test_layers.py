import pytest

from fcn_repro.caffe import CaffeError, layer_type_list
from tests.oracle.comparison import Record
from tests.oracle.layer_case import LayerCase
from tests.oracle.oracle import Oracle, Refused, run_ours
from tests.oracle.random_layers import MAKERS, layers
from tests.oracle.tables import all_layers

RANDOM_LAYERS = 70  # of each type
NOT_COMPARED_HERE = {
    "Clip": "missing in the wheel: tests/caffe/layers/activation/test_clip.py",
    "Data": "test_data_layers.py",
    "DummyData": "test_random_numbers.py",
    "HDF5Data": "test_data_layers.py",
    "HDF5Output": "test_data_layers.py",
    "ImageData": "test_data_layers.py",
    "Input": "feeds every net here",
    "MemoryData": "test_data_layers.py",
    "Python": "user's code",
}


def test_compares_every_layer_type_or_says_where_it_is_compared():
    assert {case.type for case in all_layers()} | NOT_COMPARED_HERE.keys() == set(layer_type_list())


@pytest.mark.parametrize("case", all_layers(), ids=str)
def test_computes_what_caffe_computes(case: LayerCase, oracle: Oracle, record: Record):
    theirs = oracle.run(case.to_case())
    record.check("Layers", case.type, run_ours(case.to_case()), theirs, case.limit)


@pytest.mark.parametrize("type_", MAKERS)
def test_computes_what_caffe_computes_for_random_layers(type_: str, oracle: Oracle, record: Record):
    cases = layers(type_, RANDOM_LAYERS)
    refused = 0
    for case, theirs in zip(cases, oracle.run_all(case.to_case() for case in cases), strict=True):
        if isinstance(theirs, Refused):
            refused += 1
            with pytest.raises(CaffeError):
                run_ours(case.to_case())
        else:
            record.check("Random layers", type_, run_ours(case.to_case()), theirs, case.limit)
    assert refused < RANDOM_LAYERS / 4, f"{refused} of the layers are not valid; the generator is of little use"
