"""BatchNorm."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape


class BatchNorm(Layer):
    """(x - mean) / sqrt(variance + eps) per channel, with statistics of the batch or running ones.

    Shapes
        bottom[0]   (N, C, ...); top[0] the same; may be in place
        blobs       [0] sum of means (C)   [1] sum of variances (C)   [2] sum of their weights (1)
                    A forward over the batch multiplies all three by moving_average_fraction, then adds its values.
                    The running statistics are [0] / [2] and [1] / [2], or 0 where [2] is 0.
    Reads    batch_norm_param: use_global_stats (default: in TEST), moving_average_fraction, eps
    Raises   CaffeError for a param with an lr_mult other than 0: a solver must not update the statistics
    Differs  torch's running averages start at 0 and 1 and have no weight. The variance added to [1] has the divisor
             m - 1, the one that normalises the batch has m. Caffe nets append a Scale layer for a trained scale.
    Source   caffe 9b89154 batch_norm_layer.cpp
    """

    bottoms = tops = exactly(1)

    def prepare(self, *bottom: Shape) -> None:
        """Create the statistics and set their lr_mult to 0."""
        param = self.param.batch_norm_param
        is_test = self.phase == caffe_pb2.TEST
        self._uses_global = param.use_global_stats if param.HasField("use_global_stats") else is_test
        if len(bottom[0]) < 2:
            raise self.error(f"needs a bottom with at least 2 axes (N, C), not {list(bottom[0])}")
        self._channels = bottom[0][1]
        for shape in ((self._channels,), (self._channels,), (1,)):
            self.add_blob(shape, caffe_pb2.FillerParameter())
        for index, spec in enumerate(self.param.param):
            if spec.lr_mult != 0:
                raise self.error(f"got lr_mult {spec.lr_mult} for blob {index}; expected 0 for a running statistic")
        while len(self.param.param) < len(self.blobs):
            self.param.param.add(lr_mult=0)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        """The bottom's shape; the number of channels must not change."""
        if bottom[0][1:2] != (self._channels,):
            raise self.error(f"was set up for {self._channels} channels and got a bottom of shape {list(bottom[0])}")
        return [bottom[0]]

    def compute(self, *bottom: Tensor) -> Tensor:
        """Normalise; update the running statistics unless they are the ones used."""
        x = self._by_channel(bottom[0])
        if self._uses_global:
            weight = self.blobs[2].tensor
            factor = (1 / weight).masked_fill(weight == 0, 0)
            mean, variance = (self.blobs[index].tensor * factor for index in (0, 1))
        else:
            mean = x.mean((0, 2))
            variance = (x - _per_channel(mean)).square().mean((0, 2))
            self._update_statistics(mean, variance, x.numel() // self._channels)
        self._deviation = (variance + self.param.batch_norm_param.eps).sqrt()
        self._y = (x - _per_channel(mean)) / _per_channel(self._deviation)
        return self._y.view(bottom[0].shape).clone()  # a later in-place layer must not change _y

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """Through x and, with batch statistics, through mean and variance."""
        dy = self._by_channel(top_diff[0])
        if not self._uses_global:
            dy = dy - _per_channel(dy.mean((0, 2))) - self._y * _per_channel((dy * self._y).mean((0, 2)))
        return [(dy / _per_channel(self._deviation)).view(top_diff[0].shape)]

    def _update_statistics(self, mean: Tensor, variance: Tensor, samples: int) -> None:
        kept = self.param.batch_norm_param.moving_average_fraction
        unbiased = samples / (samples - 1) if samples > 1 else 1.0
        for blob, added in zip(self.blobs, (mean, variance * unbiased, 1.0), strict=True):
            blob.store(blob.tensor * kept + added)

    def _by_channel(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), self._channels, -1)


def _per_channel(values: Tensor) -> Tensor:
    return values.view(1, -1, 1)
