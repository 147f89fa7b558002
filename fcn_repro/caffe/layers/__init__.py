"""The supported layer types, in the folders of Caffe's layer catalogue; forks/ holds those that only forks have.

Each type is a class in a file of its name. To add a type, write the file and list the class in LAYER_TYPES; list one
that Caffe lacks in FORK_LAYER_TYPES. A user's own types are classes of the modules that CAFFE_LAYERS names.
base.Layer documents the life cycle and the hooks that a layer implements.
"""

from collections.abc import Iterable
from pathlib import Path

from fcn_repro.caffe.dialects.refusals import describe_types
from fcn_repro.caffe.errors import CaffeError
from fcn_repro.caffe.layers.activation.abs_val import AbsVal
from fcn_repro.caffe.layers.activation.bias import Bias
from fcn_repro.caffe.layers.activation.bnll import BNLL
from fcn_repro.caffe.layers.activation.clip import Clip
from fcn_repro.caffe.layers.activation.elu import ELU
from fcn_repro.caffe.layers.activation.exp import Exp
from fcn_repro.caffe.layers.activation.log import Log
from fcn_repro.caffe.layers.activation.power import Power
from fcn_repro.caffe.layers.activation.prelu import PReLU
from fcn_repro.caffe.layers.activation.relu import ReLU
from fcn_repro.caffe.layers.activation.scale import Scale
from fcn_repro.caffe.layers.activation.sigmoid import Sigmoid
from fcn_repro.caffe.layers.activation.swish import Swish
from fcn_repro.caffe.layers.activation.tanh import TanH
from fcn_repro.caffe.layers.activation.threshold import Threshold
from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.layers.common.dropout import Dropout
from fcn_repro.caffe.layers.common.embed import Embed
from fcn_repro.caffe.layers.common.inner_product import InnerProduct
from fcn_repro.caffe.layers.data.data import Data
from fcn_repro.caffe.layers.data.dummy_data import DummyData
from fcn_repro.caffe.layers.data.hdf5_data import HDF5Data
from fcn_repro.caffe.layers.data.hdf5_output import HDF5Output
from fcn_repro.caffe.layers.data.image_data import ImageData
from fcn_repro.caffe.layers.data.input import Input
from fcn_repro.caffe.layers.data.memory_data import MemoryData
from fcn_repro.caffe.layers.data.window_data import WindowData
from fcn_repro.caffe.layers.forks import FORK_LAYER_TYPES, find_fork_layer
from fcn_repro.caffe.layers.loss.accuracy import Accuracy
from fcn_repro.caffe.layers.loss.contrastive_loss import ContrastiveLoss
from fcn_repro.caffe.layers.loss.euclidean_loss import EuclideanLoss
from fcn_repro.caffe.layers.loss.hinge_loss import HingeLoss
from fcn_repro.caffe.layers.loss.infogain_loss import InfogainLoss
from fcn_repro.caffe.layers.loss.multinomial_logistic_loss import MultinomialLogisticLoss
from fcn_repro.caffe.layers.loss.sigmoid_cross_entropy_loss import SigmoidCrossEntropyLoss
from fcn_repro.caffe.layers.loss.softmax_with_loss import SoftmaxWithLoss
from fcn_repro.caffe.layers.normalization.batch_norm import BatchNorm
from fcn_repro.caffe.layers.normalization.lrn import LRN
from fcn_repro.caffe.layers.normalization.mvn import MVN
from fcn_repro.caffe.layers.recurrent.lstm import LSTM
from fcn_repro.caffe.layers.recurrent.lstm_unit import LSTMUnit
from fcn_repro.caffe.layers.recurrent.rnn import RNN
from fcn_repro.caffe.layers.unsupported import UNSUPPORTED, unsupported
from fcn_repro.caffe.layers.utility.arg_max import ArgMax
from fcn_repro.caffe.layers.utility.batch_reindex import BatchReindex
from fcn_repro.caffe.layers.utility.concat import Concat
from fcn_repro.caffe.layers.utility.eltwise import Eltwise
from fcn_repro.caffe.layers.utility.filter import Filter
from fcn_repro.caffe.layers.utility.flatten import Flatten
from fcn_repro.caffe.layers.utility.parameter import Parameter
from fcn_repro.caffe.layers.utility.python import create_user_layer, list_user_layers, python_layer
from fcn_repro.caffe.layers.utility.reduction import Reduction
from fcn_repro.caffe.layers.utility.reshape import Reshape
from fcn_repro.caffe.layers.utility.silence import Silence
from fcn_repro.caffe.layers.utility.slice import Slice
from fcn_repro.caffe.layers.utility.softmax import Softmax
from fcn_repro.caffe.layers.utility.split import Split
from fcn_repro.caffe.layers.utility.tile import Tile
from fcn_repro.caffe.layers.vision.convolution import Convolution
from fcn_repro.caffe.layers.vision.crop import Crop
from fcn_repro.caffe.layers.vision.deconvolution import Deconvolution
from fcn_repro.caffe.layers.vision.im2col import Im2col
from fcn_repro.caffe.layers.vision.pooling import Pooling
from fcn_repro.caffe.layers.vision.spp import SPP
from fcn_repro.system import untrusted_files

LAYER_TYPES: dict[str, type[Layer]] = {
    layer.__name__: layer
    for layer in (
        AbsVal, Accuracy, ArgMax, BatchNorm, BatchReindex, Bias, BNLL, Clip, Concat, ContrastiveLoss, Convolution,
        Crop, Data, Deconvolution, Dropout, DummyData, Eltwise, ELU, Embed, EuclideanLoss, Exp, Filter, Flatten,
        HDF5Data, HDF5Output, HingeLoss, Im2col, ImageData, InfogainLoss, InnerProduct, Input, Log, LRN, LSTM,
        LSTMUnit, MemoryData, MultinomialLogisticLoss, MVN, Parameter, Pooling, Power, PReLU, Reduction, ReLU,
        Reshape, RNN, Scale, Sigmoid, SigmoidCrossEntropyLoss, Silence, Slice, Softmax, SoftmaxWithLoss, Split, SPP,
        Swish, TanH, Threshold, Tile, WindowData,
    )
}  # fmt: skip


def layer_type_list() -> list[str]:
    """List all of Caffe's type names that are supported, in alphabetical order."""
    return sorted([*LAYER_TYPES, "Python"])


def known_types() -> list[str]:
    """List all types of which a layer can be created, or which are refused with a reason: Caffe's, forks', a user's."""
    return [*LAYER_TYPES, "Python", *UNSUPPORTED, *FORK_LAYER_TYPES, *list_user_layers()]


def require_known_types(params: Iterable, source: str | Path | None = None) -> None:
    """Refuse LayerParameters whose types cannot be created, all at once; `source`, their prototxt, gives line numbers.

    Raises   CaffeError naming the layers, the forks that have the types, and all known types
    """
    known = known_types()
    unknown = [param for param in params if param.type not in known]
    if unknown:
        text = untrusted_files.read_text(source) if source is not None else ""
        raise CaffeError(
            f"layer {unknown[0].name!r} has the unknown type {unknown[0].type!r}; known types: "
            f"{', '.join(layer_type_list())}; of forks: {', '.join(sorted(FORK_LAYER_TYPES))}\n"
            f"Unknown here:\n{describe_types(unknown, known, text)}"
        )


def create_layer(param) -> Layer:
    """Create the layer object for a LayerParameter.

    A user's class comes before a fork's, and Caffe's own types before both.

    Raises   CaffeError naming the layer and all known types if the type is unknown.
    """
    if param.type == "Python":
        return python_layer(param)
    if param.type in UNSUPPORTED:
        raise unsupported(param.type, param)
    if param.type not in LAYER_TYPES and param.type in (users := list_user_layers()):
        return create_user_layer(users[param.type], param)
    require_known_types([param])
    return (find_fork_layer(param) or LAYER_TYPES[param.type])(param)
