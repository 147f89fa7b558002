"""Golden pairs: a net in an old format, and the same net as Caffe's own upgrade writes it."""

import logging

import pytest

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.proto import caffe_pb2, prototxt
from fcn_repro.caffe.proto.upgrade import V1_TYPES, upgrade_net, upgrade_solver


def net(text: str):
    return prototxt.parse(text, caffe_pb2.NetParameter, "golden")


def upgraded(text: str):
    message = net(text)
    upgrade_net(message, "old.prototxt")
    return message


UPGRADED = {
    "the current format stays": ('name: "n" layer { name: "c" type: "Convolution" param { lr_mult: 2 } }',) * 2,
    "V1 layers": (
        """layers { name: "fc8" type: INNER_PRODUCT bottom: "fc7" top: "fc8"
                    blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
                    inner_product_param { num_output: 1000 weight_filler { type: "gaussian" std: 0.01 } } }
           layers { name: "loss" type: SOFTMAX_LOSS bottom: "fc8" bottom: "label" loss_weight: 0.3
                    include { phase: TRAIN } }""",
        """layer { name: "fc8" type: "InnerProduct" bottom: "fc7" top: "fc8"
                   param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
                   inner_product_param { num_output: 1000 weight_filler { type: "gaussian" std: 0.01 } } }
           layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc8" bottom: "label" loss_weight: 0.3
                   include { phase: TRAIN } }""",
    ),
    "V1 parameter lists of unequal lengths": (
        'layers { name: "a" type: CONVOLUTION param: "w" blob_share_mode: PERMISSIVE blobs_lr: 1 blobs_lr: 2 }',
        """layer { name: "a" type: "Convolution"
                   param { name: "w" share_mode: PERMISSIVE lr_mult: 1 } param { lr_mult: 2 } }""",
    ),
    "V1 transformations of data": (
        """layers { name: "d" type: DATA
                    data_param { source: "db" scale: 0.5 mean_file: "m" crop_size: 227 mirror: true } }
           layers { name: "i" type: IMAGE_DATA image_data_param { source: "l" crop_size: 9 } }""",
        """layer { name: "d" type: "Data" data_param { source: "db" }
                   transform_param { scale: 0.5 mean_file: "m" crop_size: 227 mirror: true } }
           layer { name: "i" type: "ImageData" image_data_param { source: "l" } transform_param { crop_size: 9 } }""",
    ),
    "V0 data layers": (
        """layers { layer { name: "d" type: "images" source: "list" batchsize: 5 new_height: 7 shuffle_images: true
                            scale: 0.1 meanfile: "m" cropsize: 6 mirror: true } top: "d" }
           layers { layer { name: "w" type: "window_data" source: "w" batchsize: 2 det_fg_threshold: 0.6
                            det_context_pad: 16 det_crop_mode: "square" } top: "w" }""",
        """layer { name: "d" type: "ImageData" top: "d"
                   image_data_param { source: "list" batch_size: 5 new_height: 7 shuffle: true }
                   transform_param { scale: 0.1 mean_file: "m" crop_size: 6 mirror: true } }
           layer { name: "w" type: "WindowData" top: "w" window_data_param {
                   source: "w" batch_size: 2 fg_threshold: 0.6 context_pad: 16 crop_mode: "square" } }""",
    ),
    "input shapes": (
        'input: "a" input: "b" input_shape { dim: 2 dim: 3 } input_shape { dim: 4 } layer { name: "r" type: "ReLU" }',
        """layer { name: "input" type: "Input" top: "a" top: "b"
                   input_param { shape { dim: 2 dim: 3 } shape { dim: 4 } } } layer { name: "r" type: "ReLU" }""",
    ),
    "an input without shape, as in VGG's weights": (
        'name: "vgg" input: "data" layer { name: "r" type: "ReLU" }', 'name: "vgg" layer { name: "r" type: "ReLU" }'
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), UPGRADED.values(), ids=UPGRADED)
def test_old_formats_become_the_current_one(old, new):
    assert upgraded(old) == net(new)


# ---- V1 -> V2


def test_v1_weights_are_kept():
    message = upgraded(
        'layers { name: "a" type: CONVOLUTION blobs { num: 1 channels: 1 height: 1 width: 2 data: [1, 2] } }'
    )
    assert list(message.layer[0].blobs[0].data) == [1, 2]


def test_every_v1_type_has_a_successor():
    assert set(V1_TYPES) == set(caffe_pb2.V1LayerParameter.LayerType.keys())


# ---- V0 -> V2

V0_NET = """
    name: "old" input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
    layers { layer { name: "pad1" type: "padding" pad: 2 } bottom: "data" top: "padded" }
    layers { bottom: "padded" top: "conv1"
             layer { name: "conv1" type: "conv" num_output: 4 kernelsize: 5 stride: 2 group: 1 biasterm: false
                     weight_filler { type: "xavier" } blobs_lr: 1 weight_decay: 1 } }
    layers { bottom: "conv1" top: "pool1" layer { name: "pool1" type: "pool" pool: AVE kernelsize: 3 stride: 2 } }
    layers { bottom: "pool1" top: "norm1" layer { name: "norm1" type: "lrn" local_size: 3 alpha: 0.1 beta: 0.5 k: 2 } }
    layers { bottom: "norm1" top: "fc" layer { name: "fc" type: "innerproduct" num_output: 10 biasterm: true } }
    layers { bottom: "fc" top: "fc" layer { name: "drop" type: "dropout" dropout_ratio: 0.4 } }
    layers { bottom: "fc" bottom: "label" layer { name: "loss" type: "softmax_loss" } }"""
V2_NET = """
    name: "old"
    layer { name: "input" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
    layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param { lr_mult: 1 decay_mult: 1 }
            convolution_param { num_output: 4 bias_term: false pad: 2 kernel_size: 5 stride: 2 group: 1
                                weight_filler { type: "xavier" } } }
    layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
            pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
    layer { name: "norm1" type: "LRN" bottom: "pool1" top: "norm1"
            lrn_param { local_size: 3 alpha: 0.1 beta: 0.5 k: 2 } }
    layer { name: "fc" type: "InnerProduct" bottom: "norm1" top: "fc"
            inner_product_param { num_output: 10 bias_term: true } }
    layer { name: "drop" type: "Dropout" bottom: "fc" top: "fc" dropout_param { dropout_ratio: 0.4 } }
    layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" }"""


def test_v0_net_becomes_v2_with_its_padding_folded():
    assert upgraded(V0_NET) == net(V2_NET)


def test_v0_field_on_a_type_that_does_not_read_it_is_dropped_and_reported(caplog):
    with caplog.at_level(logging.WARNING):
        message = upgraded('layers { layer { name: "r" type: "relu" kernelsize: 3 } bottom: "x" top: "x" }')
    assert message == net('layer { name: "r" type: "ReLU" bottom: "x" top: "x" }')
    assert "'r' of type 'relu' does not read kernelsize" in caplog.text


PADDED_RELU = """
    input: "data" layers { layer { name: "p" type: "padding" pad: 1 } bottom: "data" top: "p" }
    layers { layer { name: "r" type: "relu" } bottom: "p" top: "r" }"""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('layers { layer { name: "x" type: "convolve" } }', "layer 'x' has type 'convolve'; V0 has accuracy, bnll"),
        (PADDED_RELU, "padding layer 'p' feeds 'r' of type 'relu'; expected one conv or pool"),
        ('layers { name: "a" type: RELU } layer { name: "b" type: "ReLU" }',
         r"old\.prototxt: got both `layers` \(1, .*`layer` \(1\)"),
        ('input: "a" input_shape { dim: 1 } input_shape { dim: 1 }', "got 1 `input` names and 2 shapes"),
    ],
)  # fmt: skip
def test_refuses_nets_that_have_no_equivalent(text, complaint):
    with pytest.raises(CaffeError, match=complaint):
        upgraded(text)


# ---- input fields


# ---- BatchNorm, solvers


def test_solvers_do_not_update_batch_norm_statistics():
    message = upgraded('layer { type: "BatchNorm" param { name: "m" lr_mult: 1 } param { } param { decay_mult: 3 } }')
    assert [(spec.lr_mult, spec.decay_mult) for spec in message.layer[0].param] == [(0, 0)] * 3
    assert message.layer[0].param[0].name == "m"


@pytest.mark.parametrize(
    ("enum", "name"),
    [("SGD", "SGD"), ("NESTEROV", "Nesterov"), ("ADAGRAD", "AdaGrad"), ("RMSPROP", "RMSProp"), ("ADADELTA", "AdaDelta"),
     ("ADAM", "Adam")],
)  # fmt: skip
def test_solver_types_become_names(enum: str, name: str):
    solver = prototxt.parse(f"solver_type: {enum}", caffe_pb2.SolverParameter, "solver")
    upgrade_solver(solver, "solver")
    assert solver == caffe_pb2.SolverParameter(type=name)


def test_refuses_a_solver_with_two_types():
    solver = caffe_pb2.SolverParameter(type="Adam", solver_type=caffe_pb2.SolverParameter.SGD)
    with pytest.raises(CaffeError, match="got both solver_type and type \\('Adam'\\)"):
        upgrade_solver(solver, "solver.prototxt")
