"""The supported layer types: this list is the set. To add one, write its file and add its line here."""

from __future__ import annotations

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.accuracy import Accuracy
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.layers.concat import Concat
from fcn_repro.caffe.layers.convolution import Convolution
from fcn_repro.caffe.layers.crop import Crop
from fcn_repro.caffe.layers.deconvolution import Deconvolution
from fcn_repro.caffe.layers.dropout import Dropout
from fcn_repro.caffe.layers.eltwise import Eltwise
from fcn_repro.caffe.layers.inner_product import InnerProduct
from fcn_repro.caffe.layers.input import Input
from fcn_repro.caffe.layers.lrn import LRN
from fcn_repro.caffe.layers.pooling import Pooling
from fcn_repro.caffe.layers.python import python_layer
from fcn_repro.caffe.layers.relu import ReLU
from fcn_repro.caffe.layers.scale import Scale
from fcn_repro.caffe.layers.silence import Silence
from fcn_repro.caffe.layers.slice import Slice
from fcn_repro.caffe.layers.softmax import Softmax
from fcn_repro.caffe.layers.softmax_with_loss import SoftmaxWithLoss
from fcn_repro.caffe.layers.split import Split

LAYER_TYPES: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        Accuracy, Concat, Convolution, Crop, Deconvolution, Dropout, Eltwise, InnerProduct, Input, LRN, Pooling, ReLU,
        Scale, Silence, Slice, Softmax, SoftmaxWithLoss, Split,
    )
}  # fmt: skip


def layer_type_list() -> list[str]:
    """All type names that a prototxt may use here, in alphabetical order."""
    return sorted([*LAYER_TYPES, "Python"])


def create_layer(param) -> Layer:
    """The layer object for a LayerParameter.

    Raises   CaffeError naming the layer and all known types where the type is not one of them.
    """
    if param.type == "Python":
        return python_layer(param)
    if param.type not in LAYER_TYPES:
        raise CaffeError(
            f"layer {param.name!r} has the unknown type {param.type!r}; known types: {', '.join(layer_type_list())}"
        )
    return LAYER_TYPES[param.type](param)
