"""LRN, MVN, Softmax, and BatchNorm by given statistics (by the batch it is wrong in the wheel)."""

from __future__ import annotations

from tests.oracle.layer_case import TEST, Bottom, LayerCase, cases, each, one_of

IMAGE = (2, 6, 9, 8)
RESPONSES = """
    -
    local_size: 3
    local_size: 7 alpha: 0.5 beta: 0.5 k: 2
    alpha: 0.0001
    local_size: 1
    local_size: 15 alpha: 5
    norm_region: WITHIN_CHANNEL
    norm_region: WITHIN_CHANNEL local_size: 3
    norm_region: WITHIN_CHANNEL local_size: 7 alpha: 0.5 beta: 0.5 k: 2
    norm_region: WITHIN_CHANNEL local_size: 1
    norm_region: WITHIN_CHANNEL local_size: 15 alpha: 5
"""
MOMENTS = """
    -
    normalize_variance: false
    across_channels: true
    across_channels: true normalize_variance: false
    eps: 0.5
"""
AXES = """
    -
    axis: 0
    axis: -1
"""


def table() -> list[LayerCase]:
    """Windows beyond the borders, both regions, every axis, large scores."""
    large = [Bottom((3, 5), one_of(-1000, 0, 1000, 1001))]
    within = "lrn_param { norm_region: WITHIN_CHANNEL }"
    return [
        *cases("LRN", [IMAGE, (1, 3, 5, 4)], each("lrn_param", RESPONSES)),
        *cases("LRN", [IMAGE], ["", within], later=((1, 6, 3, 5),)),
        *cases("MVN", [IMAGE, (3, 2, 8)], each("mvn_param", MOMENTS)),
        *cases("MVN", [IMAGE], later=((1, 6, 3, 5),)),
        *cases("BatchNorm", [IMAGE, (3, 4)], phase=TEST),
        *cases("BatchNorm", [IMAGE], ["batch_norm_param { use_global_stats: true eps: 0.01 }"]),
        *cases("Softmax", [IMAGE, (3, 5), (2, 3, 4)], each("softmax_param", AXES)),
        *cases("Softmax", [IMAGE, (3, 5), (2, 3, 4)], each("softmax_param", AXES), in_place=True),
        *cases("Softmax", [large, (4,)], ["softmax_param { axis: 0 }"]),
    ]
