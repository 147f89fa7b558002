"""Dropout that also drops in TEST: SegNet's sample_weights_test."""

from fcn_repro.caffe.layers.common.dropout import Dropout
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape


class SampledDropout(Dropout):
    """Dropout that acts as in TRAIN in both phases: each pass of Bayesian SegNet draws another net.

    Shapes   as Dropout
    Reads    dropout_param: dropout_ratio; sample_weights_test (true chooses this class)
    Source   alexgkendall/caffe-segnet 344c113 dropout_layer.cpp
    """

    def prepare(self, *bottom: Shape) -> None:
        super().prepare(*bottom)
        self.phase = caffe_pb2.TRAIN
