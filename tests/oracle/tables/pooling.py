"""Pooling and SPP."""

from __future__ import annotations

from tests.oracle.layer_case import Bottom, LayerCase, cases, each, integers

IMAGE = (2, 6, 9, 8)
TIES = [Bottom(IMAGE, integers(0, 3))]
WINDOWS = """
    kernel_size: 2 stride: 2
    kernel_size: 3 stride: 2
    kernel_size: 3
    kernel_size: 3 stride: 2 pad: 1
    kernel_size: 3 stride: 3 pad: 2
    kernel_size: 5 pad: 4
    kernel_h: 2 kernel_w: 3
    kernel_h: 3 kernel_w: 2 stride_h: 1 stride_w: 2
    kernel_size: 3 stride: 2 pad_h: 1 pad_w: 0
    kernel_size: 3 stride: 2 pad_h: 0 pad_w: 2
    kernel_size: 4 stride: 3
    kernel_size: 2 stride: 2 round_mode: FLOOR
    kernel_size: 3 stride: 2 pad: 1 round_mode: FLOOR
    global_pooling: true
    kernel_size: 2 stride: 2 engine: CAFFE
    kernel_size: 5 stride: 5
"""
# Windows that begin beyond the bottom. The gradient of an empty maximum writes before Caffe's memory: forward only.
EMPTY = "pooling_param { kernel_size: 2 stride: 4 }"
GROWING = "kernel_size: 3 stride: 2 pad: 1\nglobal_pooling: true"
PYRAMIDS = """
    pyramid_height: 1
    pyramid_height: 2
    pyramid_height: 3
    pyramid_height: 1 pool: AVE
    pyramid_height: 2 pool: AVE
    pyramid_height: 3 pool: AVE
"""


def table() -> list[LayerCase]:
    """Sizes that round, ties, masks, empty windows, pyramids."""
    maxima, averages = each("pooling_param", WINDOWS), each("pooling_param { pool: AVE } pooling_param", WINDOWS)
    averages = [text.replace(" } pooling_param {", "") for text in averages]
    images = [IMAGE, (1, 2, 13, 11), (2, 3, 7, 7), (1, 1, 6, 5)]
    return [
        *cases("Pooling", images, [*maxima, *averages]),
        *cases("Pooling", [*images[:3], TIES], maxima, tops=2, backward=False),
        *cases("Pooling", [TIES], maxima),
        *cases("Pooling", [IMAGE], each("pooling_param", GROWING), later=((1, 6, 14, 3),)),
        *cases("Pooling", [(1, 2, 5, 7), (1, 2, 8, 4)], [EMPTY], backward=False),
        *cases("SPP", [(2, 3, 9, 8), (1, 2, 15, 13)], each("spp_param", PYRAMIDS)),
        *cases("SPP", [(2, 3, 9, 8)], ["spp_param { pyramid_height: 3 }"], later=((2, 3, 12, 16),)),
    ]
