"""A Crop's offsets are read as Caffe reads them: one for all axes, none as 0."""

import pytest

from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.layer_params.crop_offsets import read_crop_offsets


@pytest.mark.parametrize(
    ("given", "axes", "expected"),
    [([], 2, [0, 0]), ([7], 2, [7, 7]), ([7], 3, [7, 7, 7]), ([7, 9], 2, [7, 9]), ([1, 2, 3], 2, [1, 2, 3])],
)
def test_one_offset_counts_for_all_axes_and_none_as_zero(given, axes, expected):
    layer = caffe_pb2.LayerParameter(type="Crop")
    layer.crop_param.offset.extend(given)
    assert read_crop_offsets(layer, axes) == expected
