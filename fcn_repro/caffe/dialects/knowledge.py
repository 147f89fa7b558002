"""Which fork of Caffe has a layer type or a field that this project lacks, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

EXTEND = "name its .proto file in CAFFE_PROTO and its layer's module in CAFFE_LAYERS (docs/old-caffe-projects.md)"
_DETECTION = "objects with boxes are not this project's task: run the net in that fork, or cut off these layers"
_DELETE = "delete the layer, and read its bottom in Python"


class Fork(NamedTuple):
    """Layer types and fields of one fork."""

    name: str
    advice: str
    types: str
    fields: str = ""


FORKS = (
    Fork("SSD (weiliu89/caffe)", _DETECTION,
         "AnnotatedData DetectionEvaluate DetectionOutput MultiBoxLoss PriorBox SmoothL1Loss VideoData",
         "annotated_data_param detection_evaluate_param detection_output_param multibox_loss_param prior_box_param "
         "video_data_param resize_param distort_param expand_param noise_param emit_constraint eval_type ap_version"),
    Fork("Fast and Faster R-CNN (rbgirshick/caffe-fast-rcnn)", _DETECTION, "ROIPooling PSROIPooling Proposal",
         "roi_pooling_param psroi_pooling_param smooth_l1_loss_param proposal_param"),
    Fork("YOLO's ports", _DETECTION, "Reorg Region RegionLoss YoloDetectionOutput EvalDetection", "reorg_param"),
    Fork("FlowNet (lmb-freiburg)", "optical flow is not this project's task: run the net in that fork",
         "Correlation FlowWarp DataAugmentation FlowAugmentation GenerateAugmentationParameters CustomData Resample "
         "ChannelNorm L1Loss Mean", "correlation_param augmentation_param resample_param flow_warp_param"),
    Fork("C3D and other 3-D forks", "volumes are not this project's task: run the net in that fork",
         "Convolution3D Deconvolution3D Pooling3D VideoData NdConvolution",
         "convolution3d_param pooling3d_param video_data_param kernel_depth"),
    Fork("CRF-RNN (torrvision/crfasrnn)", "delete the layer, and keep the net's scores: the CRF is missing here",
         "MultiStageMeanfield", "multi_stage_meanfield_param"),
    Fork("DeepLab", "delete the layer, and keep the net's scores: the CRF is missing here",
         "DenseCRF DomainTransform", "dense_crf_param domain_transform_param"),
    Fork("DeepLab", _DELETE, "MatWrite MatRead", "mat_write_param mat_read_param"),
    Fork("DeepLab", "weakly supervised training is missing here: run it in that fork",
         "AdaptiveBiasChannel BiasChannel UniqueLabel DominantChannel CensorLabel",
         "adaptive_bias_channel_param bias_channel_param unique_label_param"),
    Fork("DeconvNet (HyeonwooNoh/caffe)", "use ImageSegData and SegAccuracy",
         "WindowSegData WindowInstSegData EltwiseAccuracy SelectSegBinary", "window_seg_data_param "
         "eltwise_accuracy_param select_seg_binary_param"),
    Fork("DeepSkeleton (zeakey)", "write a Python layer: " + EXTEND, "SigmoidEuclideanLoss SoftmaxWithLoss5 Rescale",
         "rescale_param"),
    Fork("forks of edge detectors", "if it is HED's loss, write type: \"SigmoidCrossEntropyLoss\" and choose --dialect "
         "hed; else " + EXTEND, "SigmoidCrossEntropyBalanceLoss BalancedSigmoidCrossEntropyLoss "
         "ClassBalancedSigmoidCrossEntropyAttentionLoss BalanceCrossEntropyLoss"),
    Fork("focal loss's forks", "write a Python layer: " + EXTEND, "FocalLoss SoftmaxWithFocalLoss SigmoidFocalLoss",
         "focal_loss_param"),
    Fork("ShuffleNet's port", "write Reshape, Permute, Reshape", "ShuffleChannel", "shuffle_channel_param"),
    Fork("several forks", "write Interp or Deconvolution", "BilinearInterpolation Resize ResizeBilinear Upsampling",
         "bilinear_interpolation_param upsampling_param"),
    Fork("several forks", "write a Python layer: " + EXTEND, "SpatialDropout L2Normalization LayerNorm GroupNorm "
         "HardSwish HSwish Mish Attention SpatialAttention", "spatial_dropout_param group_norm_param"),
    Fork("NVCaffe", "delete the line: it chooses memory and number types of that fork's GPU code",
         "DetectNetTransformation",
         "forward_type backward_type forward_math backward_math cudnn_convolution_algo_seeker default_forward_type "
         "default_backward_type global_grad_scale engine_param"),
)  # fmt: skip


def advise(what: str, known: Iterable[str] = ()) -> str:
    """Say which fork has a type or field, and what to do; of other names, which known one is close."""
    for fork in FORKS:
        if what in fork.types.split() or what in fork.fields.split():
            return f"of {fork.name}: {fork.advice}"
    close = difflib.get_close_matches(what, list(known), 1, 0.7)
    return f"did you mean {close[0]}?" if close else f"of an unknown fork: {EXTEND}"
