"""The supported layer types: this list is the set. To add one, write its file and add its line here."""

from __future__ import annotations

from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.abs_val import AbsVal
from fcn_repro.caffe.layers.accuracy import Accuracy
from fcn_repro.caffe.layers.arg_max import ArgMax
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.layers.batch_norm import BatchNorm
from fcn_repro.caffe.layers.batch_reindex import BatchReindex
from fcn_repro.caffe.layers.bias import Bias
from fcn_repro.caffe.layers.bnll import BNLL
from fcn_repro.caffe.layers.clip import Clip
from fcn_repro.caffe.layers.concat import Concat
from fcn_repro.caffe.layers.contrastive_loss import ContrastiveLoss
from fcn_repro.caffe.layers.convolution import Convolution
from fcn_repro.caffe.layers.crop import Crop
from fcn_repro.caffe.layers.data import Data
from fcn_repro.caffe.layers.deconvolution import Deconvolution
from fcn_repro.caffe.layers.dropout import Dropout
from fcn_repro.caffe.layers.dummy_data import DummyData
from fcn_repro.caffe.layers.eltwise import Eltwise
from fcn_repro.caffe.layers.elu import ELU
from fcn_repro.caffe.layers.embed import Embed
from fcn_repro.caffe.layers.euclidean_loss import EuclideanLoss
from fcn_repro.caffe.layers.exp import Exp
from fcn_repro.caffe.layers.filter import Filter
from fcn_repro.caffe.layers.flatten import Flatten
from fcn_repro.caffe.layers.hdf5_data import HDF5Data
from fcn_repro.caffe.layers.hdf5_output import HDF5Output
from fcn_repro.caffe.layers.hinge_loss import HingeLoss
from fcn_repro.caffe.layers.im2col import Im2col
from fcn_repro.caffe.layers.image_data import ImageData
from fcn_repro.caffe.layers.infogain_loss import InfogainLoss
from fcn_repro.caffe.layers.inner_product import InnerProduct
from fcn_repro.caffe.layers.input import Input
from fcn_repro.caffe.layers.log import Log
from fcn_repro.caffe.layers.lrn import LRN
from fcn_repro.caffe.layers.lstm import LSTM
from fcn_repro.caffe.layers.lstm_unit import LSTMUnit
from fcn_repro.caffe.layers.memory_data import MemoryData
from fcn_repro.caffe.layers.multinomial_logistic_loss import MultinomialLogisticLoss
from fcn_repro.caffe.layers.mvn import MVN
from fcn_repro.caffe.layers.parameter import Parameter
from fcn_repro.caffe.layers.pooling import Pooling
from fcn_repro.caffe.layers.power import Power
from fcn_repro.caffe.layers.prelu import PReLU
from fcn_repro.caffe.layers.python import python_layer
from fcn_repro.caffe.layers.reduction import Reduction
from fcn_repro.caffe.layers.relu import ReLU
from fcn_repro.caffe.layers.reshape import Reshape
from fcn_repro.caffe.layers.rnn import RNN
from fcn_repro.caffe.layers.scale import Scale
from fcn_repro.caffe.layers.sigmoid import Sigmoid
from fcn_repro.caffe.layers.sigmoid_cross_entropy_loss import SigmoidCrossEntropyLoss
from fcn_repro.caffe.layers.silence import Silence
from fcn_repro.caffe.layers.slice import Slice
from fcn_repro.caffe.layers.softmax import Softmax
from fcn_repro.caffe.layers.softmax_with_loss import SoftmaxWithLoss
from fcn_repro.caffe.layers.split import Split
from fcn_repro.caffe.layers.spp import SPP
from fcn_repro.caffe.layers.swish import Swish
from fcn_repro.caffe.layers.tanh import TanH
from fcn_repro.caffe.layers.threshold import Threshold
from fcn_repro.caffe.layers.tile import Tile
from fcn_repro.caffe.layers.unsupported import UNSUPPORTED, unsupported

LAYER_TYPES: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        AbsVal, Accuracy, ArgMax, BatchNorm, BatchReindex, Bias, BNLL, Clip, Concat, ContrastiveLoss, Convolution,
        Crop, Data, Deconvolution, Dropout, DummyData, Eltwise, ELU, Embed, EuclideanLoss, Exp, Filter, Flatten,
        HDF5Data, HDF5Output, HingeLoss, Im2col, ImageData, InfogainLoss, InnerProduct, Input, Log, LRN, LSTM,
        LSTMUnit, MemoryData, MultinomialLogisticLoss, MVN, Parameter, Pooling, Power, PReLU, Reduction, ReLU,
        Reshape, RNN, Scale, Sigmoid, SigmoidCrossEntropyLoss, Silence, Slice, Softmax, SoftmaxWithLoss, Split, SPP,
        Swish, TanH, Threshold, Tile,
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
    if param.type in UNSUPPORTED:
        raise unsupported(param.type, param)
    if param.type not in LAYER_TYPES:
        raise CaffeError(
            f"layer {param.name!r} has the unknown type {param.type!r}; known types: {', '.join(layer_type_list())}"
        )
    return LAYER_TYPES[param.type](param)
