"""The axis of Concat, Slice and Softmax, by either name of its field."""

import pytest
from google.protobuf import text_format

from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.layer_params.layer_axis import is_spatial, read_layer_axis


@pytest.mark.parametrize(
    ("text", "axis", "spatial"),
    [
        ('type: "Concat"', 1, False),
        ('type: "Concat" concat_param { concat_dim: 2 }', 2, True),
        ('type: "Slice" slice_param { slice_dim: 3 }', 3, True),
        ('type: "Slice" slice_param { axis: 0 }', 0, False),
        ('type: "Softmax" softmax_param { axis: -1 }', -1, True),
        ('type: "Softmax" softmax_param { axis: -3 }', -3, False),
    ],
)
def test_the_deprecated_name_counts_where_it_is_set(text, axis, spatial):
    layer = text_format.Parse(text, caffe_pb2.LayerParameter())
    assert (read_layer_axis(layer), is_spatial(layer)) == (axis, spatial)
