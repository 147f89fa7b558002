"""BN, which two forks have under one name: SegNet's and PSPNet's."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, between, exactly
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape

SEGNET_FIELDS = ("scale_filler", "shift_filler", "bn_mode")
PSPNET_FIELDS = ("slope_filler", "bias_filler", "momentum", "eps", "frozen", "engine")
_CHANNELS = (0, 2, 3)  # the axes that statistics of a channel cover


def create_bn(param) -> Layer:
    """Create the BN whose fields bn_param has.

    Raises   CaffeError if bn_param has fields of both forks, or of none
    """
    found = {field.name for field, _ in param.bn_param.ListFields()}
    segnet, pspnet = found & {*SEGNET_FIELDS}, found & {*PSPNET_FIELDS}
    if bool(segnet) == bool(pspnet):
        raise Layer(param).error(
            f"got {'fields of both forks' if segnet else 'no field'} in bn_param; SegNet's BN has "
            f"{', '.join(SEGNET_FIELDS)}, PSPNet's {', '.join(PSPNET_FIELDS)}. "
            "Fix: add `bn_mode: LEARN` (SegNet) or `frozen: false` (PSPNet), or choose --dialect segnet or pspnet"
        )
    return SegNetBN(param) if segnet else PSPNetBN(param)


class _BN(Layer):
    """What both have: factor, term, and the gradients through statistics of the batch."""

    bottoms = exactly(1)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """The bottom's shape, then the batch's mean and variance if there are tops for them."""
        if len(bottom[0]) != 4 or bottom[0][1] != self._channels:
            raise self.error(f"was set up for (N, {self._channels}, H, W) and got a bottom of shape {list(bottom[0])}")
        return [bottom[0], *[(1, self._channels, 1, 1)] * (len(self.param.top) - 1)]

    def _add_factor_and_term(self, shape: Shape, factor, term) -> None:
        if len(shape) != 4:
            raise self.error(f"needs a bottom of 4 axes (N, C, H, W), not {list(shape)}")
        self._channels = shape[1]
        for filler in (factor, term):
            self.add_blob((1, self._channels, 1, 1), filler)

    def _normalise(self, x: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
        self._deviation = (variance + eps).sqrt()
        self._normal = (x - mean) / self._deviation
        return self._normal * self.blobs[0].tensor + self.blobs[1].tensor

    def _gradients(self, dy: Tensor, through_statistics: bool) -> list[Tensor]:
        for index, values in enumerate((dy * self._normal, dy)):
            if self.param_propagate_down[index]:
                self.accumulate(index, values.sum(_CHANNELS, keepdim=True))
        dx = dy * self.blobs[0].tensor
        if through_statistics:
            mean, slope = (v.mean(_CHANNELS, keepdim=True) for v in (dx, dx * self._normal))
            dx = dx - mean - self._normal * slope
        return [dx / self._deviation]


class SegNetBN(_BN):
    """LEARN: (x - mean) / sqrt(variance + 1e-9) * scale + shift, also in TEST; INFERENCE: x * scale + shift.

    The fork's program compute_bn_statistics.py merges the training set's statistics into scale and shift for INFERENCE.

    Shapes
        bottom[0]   (N, C, H, W); may be in place
        top[0]      the same; top[1] and top[2], for LEARN, the batch's mean and variance (1, C, 1, 1)
        blobs       [0] scale, [1] shift: (1, C, 1, 1)
    Reads    bn_param: bn_mode, scale_filler, shift_filler (by default both give 0)
    Differs  gradients of blobs add up; in the fork the last pass overwrites them
    Source   alexgkendall/caffe-segnet 344c113 bn_layer.cpp; ENet's and DeconvNet's forks have the same
    """

    tops = between(1, 3)

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.bn_param
        self._learns = param.bn_mode == caffe_pb2.BNParameter.LEARN
        if len(self.param.top) > 1 and not self._learns:
            raise self.error(f"has {len(self.param.top)} tops; expected 1, because INFERENCE has no statistics")
        self._add_factor_and_term(bottom[0], param.scale_filler, param.shift_filler)

    def compute(self, *bottom: Tensor) -> tuple[Tensor, ...]:
        (x,) = bottom
        mean, variance = x.new_zeros(1), x.new_ones(1)
        if self._learns:
            variance, mean = torch.var_mean(x, _CHANNELS, correction=0, keepdim=True)
        y = self._normalise(x, mean, variance, 1e-9 if self._learns else 0.0)
        return (y, mean, variance)[: len(self.param.top)]

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """Through x and, in LEARN, through the batch's statistics; diffs of top[1] and top[2] are ignored."""
        return self._gradients(top_diff[0], through_statistics=self._learns)


class PSPNetBN(_BN):
    """(x - mean) / sqrt(variance + eps) * slope + bias, with statistics of the batch, or running ones.

    Running statistics serve in TEST, and if `frozen`, which trains nothing. Otherwise each forward pass makes them
    momentum * old + (1 - momentum) * the batch's; the variance has the divisor m.

    Shapes
        bottom[0]   (N, C, H, W); top[0] the same; may be in place
        blobs       [0] slope [1] bias [2] running mean, from 0 [3] running variance, from 0, frozen: 1; (1, C, 1, 1)
    Reads    bn_param: slope_filler, bias_filler (by default both give 0), momentum, eps, frozen; engine is ignored
    Differs  in TEST the gradient is that of fixed statistics; the fork's is that of statistics of the batch
    Source   hszhao/PSPNet 798bdc9 bn_layer.cpp; from yjxiong/caffe
    """

    tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        """Create the blobs; the lr_mult of statistics, and of all if frozen, is 0."""
        param = self.param.bn_param
        self._uses_batch = self.phase == caffe_pb2.TRAIN and not param.frozen
        self._add_factor_and_term(bottom[0], param.slope_filler, param.bias_filler)
        for start in (0.0, float(param.frozen)):
            self.add_blob((1, self._channels, 1, 1), caffe_pb2.FillerParameter(value=start))
        while len(self.param.param) < 4:
            self.param.param.add()
        for spec in self.param.param[0 if param.frozen else 2 :]:
            spec.lr_mult = spec.decay_mult = 0

    def compute(self, *bottom: Tensor) -> Tensor:
        (x,) = bottom
        param = self.param.bn_param
        if self._uses_batch:
            variance, mean = torch.var_mean(x, _CHANNELS, correction=0, keepdim=True)
            for blob, value in zip(self.blobs[2:], (mean, variance), strict=True):
                blob.store(param.momentum * blob.tensor + (1 - param.momentum) * value)
        else:
            mean, variance = (blob.tensor for blob in self.blobs[2:])
        return self._normalise(x, mean, variance, param.eps)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """Through x and, with statistics of the batch, through them."""
        return self._gradients(top_diff[0], through_statistics=self._uses_batch)
