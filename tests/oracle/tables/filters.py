"""Convolution, Deconvolution and Im2col: the same parameters, read alike."""

from __future__ import annotations

from tests.oracle.layer_case import Bottom, LayerCase, cases, each

IMAGE = (2, 6, 9, 8)
FILLED = 'weight_filler { type: "gaussian" std: 0.5 } bias_filler { type: "uniform" }'
PLAIN = f"convolution_param {{ num_output: 4 kernel_size: 3 stride: 2 pad: 1 {FILLED} }}"
WINDOWS = """
    kernel_size: 1
    kernel_size: 3
    kernel_size: 5 pad: 2
    kernel_size: 3 stride: 2
    kernel_size: 4 stride: 3 pad: 1
    kernel_size: 2 kernel_size: 3
    kernel_h: 3 kernel_w: 1
    kernel_h: 1 kernel_w: 4 stride_h: 2 stride_w: 1
    kernel_size: 3 pad_h: 2
    kernel_size: 3 pad_w: 1 pad_h: 0
    kernel_size: 3 dilation: 2
    kernel_size: 3 pad: 3 dilation: 3
    kernel_size: 3 dilation: 1 dilation: 2
    kernel_size: 3 stride: 1 stride: 2 pad: 0 pad: 2
    kernel_size: 3 pad: 4
    kernel_size: 3 force_nd_im2col: true
    kernel_size: 2 stride: 4
    kernel_h: 9 kernel_w: 8
"""
OPTIONS = """
    group: 2
    group: 3 bias_term: false
    group: 6
    bias_term: false
    axis: -3
    engine: CAFFE
"""


def table() -> list[LayerCase]:
    """Windows, groups, axes, several bottoms, other sizes later."""
    return [*_filters("Convolution"), *_filters("Deconvolution"), *_columns()]


def _filters(type_: str) -> list[LayerCase]:
    upsampling = 'num_output: 6 group: 6 kernel_size: 4 stride: 2 bias_term: false weight_filler { type: "bilinear" }'
    return [
        *cases(
            type_, [IMAGE], [text[:-1] + f"num_output: 4 {FILLED} }}" for text in each("convolution_param", WINDOWS)]
        ),
        *cases(
            type_,
            [IMAGE, (1, 6, 5, 7)],
            [text[:-1] + f"num_output: 6 kernel_size: 3 {FILLED} }}" for text in each("convolution_param", OPTIONS)],
        ),
        *cases(type_, [IMAGE], ["convolution_param { num_output: 3 kernel_size: 3 }"]),
        *cases(type_, [IMAGE], [f"convolution_param {{ {upsampling} }}"]),
        *cases(type_, [IMAGE], [PLAIN], later=((1, 6, 12, 7),)),
        *cases(type_, [IMAGE], [PLAIN], later=((3, 6, 5, 3),)),
        *cases(type_, [[Bottom(IMAGE)] * 3], [PLAIN], tops=3),
        *cases(type_, [(2, 6, 11), (2, 6, 5, 6, 4)], [PLAIN]),
        *cases(
            type_, [(2, 4, 5, 6, 4)], [f"convolution_param {{ num_output: 2 kernel_size: 3 axis: 2 pad: 1 {FILLED} }}"]
        ),
        *cases(type_, [(3, 6)], [f"convolution_param {{ num_output: 4 group: {g} {FILLED} }}" for g in (1, 2)]),
    ]


def _columns() -> list[LayerCase]:
    return [
        *cases("Im2col", [IMAGE], each("convolution_param", WINDOWS)),
        *cases("Im2col", [(2, 3, 7)], ["convolution_param { kernel_size: 3 stride: 2 }"]),
        *cases("Im2col", [(2, 3, 4, 5, 6)], ["convolution_param { kernel_size: 2 pad: 1 stride: 2 }"]),
    ]
