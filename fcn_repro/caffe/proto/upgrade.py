"""Upgrade nets and solvers of older Caffe versions to the current format, in place.

Caffe has three layer formats: V0 (2013) is one flat message, `layers { layer { type: "pool" } }`; V1 (2014) is
`layers { type: POOLING }`; V2 is `layer { type: "Pooling" }`. The released VGG and CaffeNet weights are V1.

Source   caffe 9b89154 upgrade_proto.cpp; longjon/caffe e031116 upgrade_proto.cpp (CROP)
"""

from __future__ import annotations

import logging
from typing import Any

from fcn_repro.caffe.crop_offset import find_crop_offset
from fcn_repro.caffe.errors import CaffeError, attach_file
from fcn_repro.caffe.proto import caffe_pb2

log = logging.getLogger(__name__)

V1_TYPES = {
    "NONE": "", "ABSVAL": "AbsVal", "ACCURACY": "Accuracy", "ARGMAX": "ArgMax", "BNLL": "BNLL", "CONCAT": "Concat",
    "CONTRASTIVE_LOSS": "ContrastiveLoss", "CONVOLUTION": "Convolution", "CROP": "Crop", "DATA": "Data",
    "DECONVOLUTION": "Deconvolution", "DROPOUT": "Dropout", "DUMMY_DATA": "DummyData", "ELTWISE": "Eltwise",
    "EUCLIDEAN_LOSS": "EuclideanLoss", "EXP": "Exp", "FLATTEN": "Flatten", "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output", "HINGE_LOSS": "HingeLoss", "IM2COL": "Im2col", "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss", "INNER_PRODUCT": "InnerProduct", "LRN": "LRN", "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss", "MVN": "MVN", "POOLING": "Pooling", "POWER": "Power",
    "RELU": "ReLU", "SIGMOID": "Sigmoid", "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence", "SLICE": "Slice", "SOFTMAX": "Softmax", "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "SPLIT": "Split", "TANH": "TanH", "THRESHOLD": "Threshold", "WINDOW_DATA": "WindowData",
    "BN": "BN", "IMAGE_SEG_DATA": "ImageSegData", "INTERP": "Interp", "SEG_ACCURACY": "SegAccuracy",  # of forks
    "UNPOOLING": "Unpooling",
}  # fmt: skip
SOLVER_TYPES = {
    "SGD": "SGD", "NESTEROV": "Nesterov", "ADAGRAD": "AdaGrad", "RMSPROP": "RMSProp", "ADADELTA": "AdaDelta",
    "ADAM": "Adam",
}  # fmt: skip

# Lists of parameter properties in a V1 layer -> the field of a V2 ParamSpec.
_PARAM_LISTS = {"param": "name", "blob_share_mode": "share_mode", "blobs_lr": "lr_mult", "weight_decay": "decay_mult"}
# Fields of old data layers that moved to transform_param.
_TRANSFORM_FIELDS = ("scale", "mean_file", "crop_size", "mirror")
_DATA_LAYER_PARAMS = {"DATA": "data_param", "IMAGE_DATA": "image_data_param", "WINDOW_DATA": "window_data_param"}


def upgrade_net(net: Any, source: str) -> None:
    """Upgrade a NetParameter; `source` names it in errors and in the log.

    Raises   CaffeError for a V0 layer type or padding without an equivalent, for a net that mixes V1 and V2, and for a
             V1 Crop as `find_crop_offset`.
    """
    if any(layer.HasField("layer") for layer in net.layers):
        log.info("%s: upgrading layers from format V0 (2013)", source)
        _upgrade_v0(net, source)
    _move_transforms(net)
    if net.layers:
        log.info("%s: upgrading layers from format V1 (2014)", source)
        _upgrade_v1(net, source)
    _replace_inputs(net, source)
    _freeze_batch_norm(net)


def upgrade_solver(solver: Any, source: str) -> None:
    """Replace the enum `solver_type` by the string `type`.

    Raises   CaffeError if both are given.
    """
    if not solver.HasField("solver_type"):
        return
    if solver.HasField("type"):
        raise CaffeError(f"{source}: got both solver_type and type ({solver.type!r}). Fix: keep type")
    solver.type = SOLVER_TYPES[caffe_pb2.SolverParameter.SolverType.Name(solver.solver_type)]
    solver.ClearField("solver_type")


# ---- V1 -> V2 ------------------------------------------------------------------------------------------------------


def _move_transforms(net: Any) -> None:
    for layer in net.layers:
        own_name = _DATA_LAYER_PARAMS.get(caffe_pb2.V1LayerParameter.LayerType.Name(layer.type))
        if own_name is None:
            continue
        own = getattr(layer, own_name)
        for name in _TRANSFORM_FIELDS:
            if own.HasField(name):
                setattr(layer.transform_param, name, getattr(own, name))
                own.ClearField(name)


def _upgrade_v1(net: Any, source: str) -> None:
    if net.layer:
        raise CaffeError(
            f"{source}: got both `layers` ({len(net.layers)}, format of 2014) and `layer` ({len(net.layer)}). "
            "Fix: write every layer as `layer`"
        )
    for old in net.layers:
        new = net.layer.add()
        if old.HasField("type"):
            new.type = V1_TYPES[caffe_pb2.V1LayerParameter.LayerType.Name(old.type)]
        for field, value in old.ListFields():
            if field.name != "type" and field.name not in _PARAM_LISTS:
                _assign(new, field.name, value)
        for name, spec_name in _PARAM_LISTS.items():
            for i, value in enumerate(getattr(old, name)):
                while len(new.param) <= i:
                    new.param.add()
                setattr(new.param[i], spec_name, value)
    net.ClearField("layers")
    _align_crops(net, source)


def _align_crops(net: Any, source: str) -> None:
    """Give every Crop its offset: V1's CROP exists only in longjon's branch, where the net defines it."""
    for layer in net.layer:
        if layer.type == "Crop" and not layer.crop_param.offset:
            with attach_file(source):
                layer.crop_param.offset.extend(find_crop_offset(net, layer))
            log.info("%s: layer %r (Crop): offset %s", source, layer.name, list(layer.crop_param.offset))


def _replace_inputs(net: Any, source: str) -> None:
    """Replace `input` and its shapes by an Input layer; drop an `input` without shapes, as in VGG's weights."""
    if not net.input:
        return
    shapes = list(net.input_shape) or [
        caffe_pb2.BlobShape(dim=net.input_dim[i : i + 4]) for i in range(0, len(net.input_dim), 4)
    ]
    if shapes:
        if len(shapes) != len(net.input):
            raise CaffeError(
                f"{source}: got {len(net.input)} `input` names and {len(shapes)} shapes; expected one shape per name"
            )
        shape_param = caffe_pb2.InputParameter(shape=shapes)
        net.layer.insert(
            0, caffe_pb2.LayerParameter(name="input", type="Input", top=net.input, input_param=shape_param)
        )
    for name in ("input", "input_dim", "input_shape"):
        net.ClearField(name)


def _freeze_batch_norm(net: Any) -> None:
    """Set lr_mult and decay_mult of BatchNorm's three blobs to 0: they are running statistics."""
    for layer in net.layer:
        if layer.type == "BatchNorm" and len(layer.param) == 3:
            for spec in layer.param:
                spec.lr_mult = spec.decay_mult = 0


# ---- V0 -> V1 ------------------------------------------------------------------------------------------------------

_V0_TYPES = {
    "accuracy": "ACCURACY", "bnll": "BNLL", "concat": "CONCAT", "conv": "CONVOLUTION", "data": "DATA",
    "dropout": "DROPOUT", "euclidean_loss": "EUCLIDEAN_LOSS", "flatten": "FLATTEN", "hdf5_data": "HDF5_DATA",
    "hdf5_output": "HDF5_OUTPUT", "im2col": "IM2COL", "images": "IMAGE_DATA", "infogain_loss": "INFOGAIN_LOSS",
    "innerproduct": "INNER_PRODUCT", "lrn": "LRN", "multinomial_logistic_loss": "MULTINOMIAL_LOGISTIC_LOSS",
    "pool": "POOLING", "relu": "RELU", "sigmoid": "SIGMOID", "softmax": "SOFTMAX", "softmax_loss": "SOFTMAX_LOSS",
    "split": "SPLIT", "tanh": "TANH", "window_data": "WINDOW_DATA",
}  # fmt: skip
_COPIED_FIELDS = ("name", "blobs", "blobs_lr", "weight_decay")

_FILTER_PARAMS = {"conv": "convolution_param", "innerproduct": "inner_product_param"}
_WINDOW_PARAMS = {"conv": "convolution_param", "pool": "pooling_param"}
_LRN = {"lrn": "lrn_param"}
_IMAGES = {"images": "image_data_param"}
_WINDOWS = {"window_data": "window_data_param"}
_DATA_PARAMS = {"data": "data_param", "hdf5_data": "hdf5_data_param", **_IMAGES, **_WINDOWS}
_TRANSFORM = dict.fromkeys(_V0_TYPES, "transform_param")
# V0 field -> its V1 name, and for each V0 type that reads it the V1 message that holds it.
_V0_FIELDS = {
    "num_output": ("num_output", _FILTER_PARAMS),
    "biasterm": ("bias_term", _FILTER_PARAMS),
    "weight_filler": ("weight_filler", _FILTER_PARAMS),
    "bias_filler": ("bias_filler", _FILTER_PARAMS),
    "pad": ("pad", _WINDOW_PARAMS),
    "kernelsize": ("kernel_size", _WINDOW_PARAMS),
    "stride": ("stride", _WINDOW_PARAMS),
    "group": ("group", {"conv": "convolution_param"}),
    "pool": ("pool", {"pool": "pooling_param"}),
    "dropout_ratio": ("dropout_ratio", {"dropout": "dropout_param"}),
    "local_size": ("local_size", _LRN),
    "alpha": ("alpha", _LRN),
    "beta": ("beta", _LRN),
    "k": ("k", _LRN),
    "concat_dim": ("concat_dim", {"concat": "concat_param"}),
    "source": ("source", {**_DATA_PARAMS, "infogain_loss": "infogain_loss_param"}),
    "batchsize": ("batch_size", _DATA_PARAMS),
    "rand_skip": ("rand_skip", {"data": "data_param", **_IMAGES}),
    "scale": ("scale", _TRANSFORM),
    "meanfile": ("mean_file", _TRANSFORM),
    "cropsize": ("crop_size", _TRANSFORM),
    "mirror": ("mirror", _TRANSFORM),
    "shuffle_images": ("shuffle", _IMAGES),
    "new_height": ("new_height", _IMAGES),
    "new_width": ("new_width", _IMAGES),
    "det_fg_threshold": ("fg_threshold", _WINDOWS),
    "det_bg_threshold": ("bg_threshold", _WINDOWS),
    "det_fg_fraction": ("fg_fraction", _WINDOWS),
    "det_context_pad": ("context_pad", _WINDOWS),
    "det_crop_mode": ("crop_mode", _WINDOWS),
}


def _upgrade_v0(net: Any, source: str) -> None:
    layers = _fold_padding(net, source)
    new = caffe_pb2.NetParameter(input=net.input, input_dim=net.input_dim)
    for name in ("name", "force_backward"):
        if net.HasField(name):
            setattr(new, name, getattr(net, name))
    for layer in layers:
        _upgrade_v0_layer(layer, new.layers.add(), source)
    net.CopyFrom(new)


def _fold_padding(net: Any, source: str) -> list[Any]:
    """Remove `padding` layers: set `pad` of the convolution or pooling that each one feeds."""
    producer: dict[str, Any] = {}
    kept = []
    for layer in net.layers:
        for i, bottom in enumerate(layer.bottom):
            padding = producer.get(bottom)
            if padding is None or padding.layer.type != "padding":
                continue
            if layer.layer.type not in _WINDOW_PARAMS or len(layer.bottom) != 1:
                raise CaffeError(
                    f"{source}: padding layer {padding.layer.name!r} feeds {layer.layer.name!r} of type "
                    f"{layer.layer.type!r}; expected one conv or pool layer"
                )
            layer.layer.pad = padding.layer.pad
            layer.bottom[i] = padding.bottom[0]
        producer.update(dict.fromkeys(layer.top, layer))
        if layer.layer.type != "padding":
            kept.append(layer)
    return kept


def _upgrade_v0_layer(old: Any, new: Any, source: str) -> None:
    flat = old.layer
    if flat.type not in _V0_TYPES:
        raise CaffeError(f"{source}: layer {flat.name!r} has type {flat.type!r}; V0 has {', '.join(_V0_TYPES)}")
    new.bottom.extend(old.bottom)
    new.top.extend(old.top)
    new.type = caffe_pb2.V1LayerParameter.LayerType.Value(_V0_TYPES[flat.type])
    for field, value in flat.ListFields():
        name, messages = _V0_FIELDS.get(field.name, (field.name, {}))
        if field.name in _COPIED_FIELDS:
            _assign(new, field.name, value)
        elif flat.type in messages:
            _assign(getattr(new, messages[flat.type]), name, value)
        elif field.name == "hdf5_output_param" and flat.type == "hdf5_output":
            _assign(new, field.name, value)
        elif field.name != "type":
            log.warning("%s: layer %r of type %r does not read %s; dropped", source, flat.name, flat.type, field.name)


def _assign(message: Any, name: str, value: Any) -> None:
    """Set a field of any kind; a repeated field takes one value or many."""
    target = getattr(message, name)
    if hasattr(target, "extend"):
        target.extend(value if hasattr(value, "extend") else [value])
    elif hasattr(target, "CopyFrom"):
        target.CopyFrom(value)
    else:
        setattr(message, name, value)
