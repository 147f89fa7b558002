"""A promise or more for every layer type. Shapes are worked out by hand."""

from __future__ import annotations

import torch

from fcn_repro.caffe.proto import caffe_pb2
from tests.caffe.layers.contract import Given, Promise, below, markers, normal, positive

SMALL = Given((2, 3, 4))
IMAGE = Given((2, 3, 5, 4))
SCALAR = ()

NEURONS = [
    Promise(type_, [SMALL], [(2, 3, 4)], param)
    for type_, param in (
        ("AbsVal", ""),
        ("BNLL", ""),
        ("Clip", "clip_param { min: -0.5 max: 0.7 }"),
        ("ELU", "elu_param { alpha: 0.4 }"),
        ("Exp", "exp_param { base: 2 scale: 0.5 shift: 1 }"),
        ("Power", "power_param { power: 2 scale: 0.5 shift: 1 }"),
        ("ReLU", "relu_param { negative_slope: 0.1 }"),
        ("Sigmoid", ""),
        ("Softmax", "softmax_param { axis: -1 }"),
        ("Swish", "swish_param { beta: 1.5 }"),
        ("TanH", ""),
        ("Dropout", "dropout_param { dropout_ratio: 0.3 }"),
    )
]
NEURONS_IN_PLACE = [
    Promise(type_, [SMALL], [(2, 3, 4)], param, in_place=True)
    for type_, param in (
        ("ELU", ""),
        ("Exp", ""),
        ("ReLU", ""),
        ("Sigmoid", ""),
        ("Softmax", ""),
        ("Swish", ""),
        ("TanH", ""),
        ("Dropout", ""),
    )
]
OF_POSITIVES = [
    Promise("Log", [Given((2, 3), positive)], [(2, 3)], "log_param { base: 10 scale: 2 shift: 0.3 }"),
    Promise("Power", [Given((2, 3), positive)], [(2, 3)], "power_param { power: -1.5 scale: 0.5 shift: 1 }"),
]
WITH_BLOBS = [
    Promise("PReLU", [SMALL], [(2, 3, 4)], blobs=[(3,)]),
    Promise("PReLU", [SMALL], [(2, 3, 4)], "prelu_param { channel_shared: true }", blobs=[()]),
    Promise("PReLU", [SMALL], [(2, 3, 4)], blobs=[(3,)], in_place=True),
    Promise("Bias", [SMALL], [(2, 3, 4)], "bias_param { axis: 0 num_axes: 2 }", blobs=[(2, 3)]),
    Promise("Bias", [SMALL, Given((4,))], [(2, 3, 4)], "bias_param { axis: 2 }"),
    Promise("Scale", [SMALL], [(2, 3, 4)], "scale_param { bias_term: true }", blobs=[(3,), (3,)]),
    Promise("Scale", [SMALL], [(2, 3, 4)], "scale_param { axis: 0 num_axes: -1 }", blobs=[(2, 3, 4)]),
    Promise("Scale", [SMALL], [(2, 3, 4)], "scale_param { num_axes: 0 }", blobs=[()], in_place=True),
    Promise("Scale", [SMALL, Given((3, 4))], [(2, 3, 4)], "scale_param { axis: 1 bias_term: true }", blobs=[(3, 4)]),
    Promise("InnerProduct", [SMALL], [(2, 5)], "inner_product_param { num_output: 5 }", blobs=[(5, 12), (5,)]),
    Promise(
        "InnerProduct",
        [SMALL],
        [(2, 3, 5)],
        "inner_product_param { num_output: 5 axis: 2 transpose: true bias_term: false }",
        blobs=[(4, 5)],
    ),
    Promise(
        "Embed",
        [Given((2, 3), below(4), learns=False)],
        [(2, 3, 5)],
        "embed_param { input_dim: 4 num_output: 5 }",
        blobs=[(4, 5), (5,)],
    ),
    Promise("Parameter", [], [(2, 3)], "parameter_param { shape { dim: 2 dim: 3 } }", blobs=[(2, 3)], learned=[]),
    Promise("BatchNorm", [IMAGE], [(2, 3, 5, 4)], blobs=[(3,), (3,), (1,)], learned=[]),
]
FILTERS = [
    Promise(
        "Convolution",
        [IMAGE],
        [(2, 4, 3, 2)],
        "convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 }",
        blobs=[(4, 3, 3, 3), (4,)],
    ),
    Promise(
        "Convolution",
        [Given((1, 4, 6, 6))] * 2,
        [(1, 2, 2, 4)] * 2,
        "convolution_param { num_output: 2 group: 2 kernel_h: 3 kernel_w: 2 dilation: 2 bias_term: false }",
        blobs=[(2, 2, 3, 2)],
    ),
    Promise("Convolution", [Given((2, 3))], [(2, 4)], "convolution_param { num_output: 4 }", blobs=[(4, 3), (4,)]),
    Promise(
        "Deconvolution",
        [Given((2, 3, 3, 2))],
        [(2, 4, 5, 3)],
        "convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 }",
        blobs=[(3, 4, 3, 3), (4,)],
    ),
    Promise(
        "Deconvolution",
        [Given((1, 2, 3))],
        [(1, 2, 8)],
        "convolution_param { num_output: 2 group: 2 kernel_size: 4 stride: 2 bias_term: false }",
        blobs=[(2, 1, 4)],
    ),
    Promise("Im2col", [IMAGE], [(2, 27, 3, 2)], "convolution_param { kernel_size: 3 stride: 2 pad: 1 }"),
    Promise("Pooling", [IMAGE], [(2, 3, 3, 2)], "pooling_param { kernel_size: 2 stride: 2 }"),
    Promise("Pooling", [IMAGE], [(2, 3, 3, 3)], "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }"),
    Promise("Pooling", [IMAGE], [(2, 3, 2, 2)], "pooling_param { kernel_size: 2 stride: 2 round_mode: FLOOR }"),
    Promise("Pooling", [IMAGE], [(2, 3, 1, 1)], "pooling_param { pool: AVE global_pooling: true }"),
    Promise("SPP", [IMAGE], [(2, 15)], "spp_param { pyramid_height: 2 }"),
    Promise("LRN", [IMAGE], [(2, 3, 5, 4)], "lrn_param { local_size: 3 alpha: 2 k: 1.5 }"),
    Promise("LRN", [IMAGE], [(2, 3, 5, 4)], "lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL }"),
    Promise("MVN", [IMAGE], [(2, 3, 5, 4)]),
    Promise("MVN", [SMALL], [(2, 3, 4, 1)], "mvn_param { across_channels: true normalize_variance: false }"),
]
MOVED = [
    Promise("Concat", [SMALL, Given((2, 1, 4))], [(2, 4, 4)]),
    Promise("Slice", [SMALL], [(2, 1, 4), (2, 2, 4)], "slice_param { slice_point: 1 }"),
    Promise("Split", [SMALL], [(2, 3, 4)] * 3),
    Promise("Crop", [IMAGE, Given((1, 1, 2, 3), learns=False)], [(2, 3, 2, 3)], "crop_param { offset: 1 }"),
    Promise("Flatten", [IMAGE], [(2, 15, 4)], "flatten_param { end_axis: 2 }"),
    Promise("Reshape", [IMAGE], [(2, 6, 10)], "reshape_param { shape { dim: 0 dim: 6 dim: -1 } }"),
    Promise("Tile", [SMALL], [(2, 6, 4)], "tile_param { tiles: 2 }"),
    Promise("Reduction", [SMALL], [(2,)], "reduction_param { axis: 1 operation: SUMSQ coeff: 2 }"),
    Promise("Reduction", [SMALL], [SCALAR], "reduction_param { operation: MEAN }"),
    Promise("BatchReindex", [SMALL, Given((5,), below(2), learns=False)], [(5, 3, 4)]),
    Promise("Filter", [Given((3, 2)), Given((3,), positive, learns=False)], [(3, 2)]),
    Promise("Silence", [SMALL, Given((4,))], []),
    Promise("Eltwise", [SMALL] * 3, [(2, 3, 4)], "eltwise_param { coeff: 1 coeff: -0.5 coeff: 2 }"),
    Promise("Eltwise", [SMALL] * 3, [(2, 3, 4)], "eltwise_param { operation: PROD }"),
    Promise("Eltwise", [SMALL] * 3, [(2, 3, 4)], "eltwise_param { operation: MAX }"),
]
LOSSES = [
    Promise("SoftmaxWithLoss", [IMAGE, Given((2, 1, 5, 4), below(3), learns=False)], [SCALAR]),
    Promise("SigmoidCrossEntropyLoss", [SMALL, Given((2, 3, 4), below(2), learns=False)], [SCALAR]),
    Promise("EuclideanLoss", [SMALL, SMALL], [SCALAR]),
    Promise("HingeLoss", [Given((3, 4)), Given((3,), below(4), learns=False)], [SCALAR]),
    Promise("MultinomialLogisticLoss", [Given((3, 4), positive), Given((3,), below(4), learns=False)], [SCALAR]),
    Promise(
        "InfogainLoss",
        [Given((3, 4)), Given((3,), below(4), learns=False), Given((1, 1, 4, 4), positive, learns=False)],
        [SCALAR],
    ),
    Promise("ContrastiveLoss", [Given((4, 3)), Given((4, 3)), Given((4,), markers, learns=False)], [SCALAR],
            "contrastive_loss_param { margin: 9 legacy_version: true }"),
]  # fmt: skip
RECURRENT = [
    Promise(
        "LSTM",
        [Given((3, 2, 4)), Given((3, 2), markers, learns=False)],
        [(3, 2, 2)],
        "recurrent_param { num_output: 2 }",
        blobs=[(8, 4), (8,), (8, 2)],
    ),
    Promise(
        "RNN",
        [Given((3, 2, 4)), Given((3, 2), markers, learns=False), Given((2, 3))],
        [(3, 2, 2)],
        "recurrent_param { num_output: 2 }",
        blobs=[(2, 4), (2,), (2, 3), (2, 2), (2, 2), (2,)],
    ),
    Promise("LSTMUnit", [Given((1, 2, 3)), Given((1, 2, 12)), Given((1, 2), markers, learns=False)], [(1, 2, 3)] * 2),
]
WITHOUT_BACKWARD = [
    Promise("Accuracy", [Given((4, 3)), Given((4,), below(3))], [(), (3,)], has_backward=False),
    Promise("ArgMax", [SMALL], [(2, 3, 2)], "argmax_param { axis: 2 top_k: 2 }", has_backward=False),
    Promise("ArgMax", [Given((2, 3))], [(2, 2, 1)], "argmax_param { out_max_val: true }", has_backward=False),
    Promise("Threshold", [SMALL], [(2, 3, 4)], has_backward=False),
]
SOURCES = [
    Promise(
        "DummyData",
        [],
        [(2, 3), (4,)],
        "dummy_data_param { shape { dim: 2 dim: 3 } shape { dim: 4 } }",
        dtype=torch.float32,
    ),
    Promise("Input", [], [(2, 3)], "input_param { shape { dim: 2 dim: 3 } }"),
]
IN_TEST = [
    Promise("BatchNorm", [Given((2, 3))], [(2, 3)], blobs=[(3,), (3,), (1,)], phase=caffe_pb2.TEST, learned=[]),
    Promise("Dropout", [Given((2, 3), normal)], [(2, 3)], phase=caffe_pb2.TEST),
]

PROMISES = [
    *NEURONS, *NEURONS_IN_PLACE, *OF_POSITIVES, *WITH_BLOBS, *FILTERS, *MOVED, *LOSSES, *RECURRENT, *WITHOUT_BACKWARD,
    *SOURCES, *IN_TEST,
]  # fmt: skip
