"""Layers that forks of Caffe add, for the segmentation nets that came after FCN. Real Caffe has none of them.

Their fields are in fcn_repro/caffe/proto/forks.proto. Each class names the fork and commit of its formula. A fork that
gives a type of Caffe other fields has a class here too; its fields choose it.
"""

from collections.abc import Callable

from fcn_repro.caffe.layers.base import Layer
from fcn_repro.caffe.layers.forks.axpy import Axpy
from fcn_repro.caffe.layers.forks.bn import create_bn
from fcn_repro.caffe.layers.forks.class_balanced_sigmoid_cross_entropy_loss import ClassBalancedSigmoidCrossEntropyLoss
from fcn_repro.caffe.layers.forks.class_weighted_softmax_loss import DeepLabSoftmaxWithLoss, SegNetSoftmaxWithLoss
from fcn_repro.caffe.layers.forks.dense_image_data import DenseImageData
from fcn_repro.caffe.layers.forks.image_labelmap_data import ImageLabelmapData
from fcn_repro.caffe.layers.forks.image_seg_data import ImageSegData
from fcn_repro.caffe.layers.forks.interp import Interp
from fcn_repro.caffe.layers.forks.normalize import Normalize
from fcn_repro.caffe.layers.forks.permute import Permute
from fcn_repro.caffe.layers.forks.sampled_dropout import SampledDropout
from fcn_repro.caffe.layers.forks.seg_accuracy import SegAccuracy
from fcn_repro.caffe.layers.forks.upsample import Unpooling, Upsample

FORK_LAYER_TYPES: dict[str, Callable[..., Layer]] = {
    "BN": create_bn,
    **{
        layer.__name__: layer
        for layer in (
            Axpy, ClassBalancedSigmoidCrossEntropyLoss, DenseImageData, ImageLabelmapData, ImageSegData, Interp,
            Normalize, Permute, SegAccuracy, Unpooling, Upsample,
        )
    },
}  # fmt: skip


def find_fork_layer(param) -> Callable[..., Layer] | None:
    """What creates a fork's layer of a LayerParameter: by its type, or by fields that Caffe's type lacks."""
    if param.type == "SoftmaxWithLoss":
        if param.HasField("softmaxloss_param"):
            return DeepLabSoftmaxWithLoss
        return SegNetSoftmaxWithLoss if param.loss_param.weight_by_label_freqs else None
    if param.type == "Dropout" and param.dropout_param.sample_weights_test:
        return SampledDropout
    return FORK_LAYER_TYPES.get(param.type)
