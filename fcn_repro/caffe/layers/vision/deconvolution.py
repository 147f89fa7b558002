"""Deconvolution."""

from torch import Tensor

from fcn_repro.caffe.kernels.interpolation import ChannelDiagonal
from fcn_repro.caffe.layers.vision.base_convolution import BaseConvolution
from fcn_repro.caffe.synced_memory import Shape


class Deconvolution(BaseConvolution):
    """Transposed convolution: each bottom pixel adds its multiple of the filter to the top, which `pad` then crops.

    Shapes
        bottom[i]   (N, C, H, W), or any number of axes after `axis`; all bottoms equal
        top[i]      (N, num_output, OH, OW) with OH = stride*(H-1) + dilation*(kernel-1)+1 - 2*pad
        blobs       [0] (C, num_output/group, kernel, kernel)   [1] (num_output)
    Reads    convolution_param
    Source   caffe 9b89154 deconv_layer.cpp; PAMI section 4.3 (upsampling is backwards convolution)
    """

    transposed = True

    def prepare(self, *bottom: Shape) -> None:
        super().prepare(*bottom)
        self._diagonal = ChannelDiagonal()

    def filters(self) -> tuple[Tensor, int]:
        """Use one filter per channel if all others are 0, as in bilinear interpolation."""
        diagonal = self._diagonal.find(self.blobs[0].tensor, self.blobs[0].version) if self.group == 1 else None
        return super().filters() if diagonal is None else (diagonal, self.channels)

    def filter_channels(self) -> Shape:
        """(C, num_output/group)."""
        return self.channels, self.num_output // self.group

    def spatial_shape(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The inverse of the convolution's rule."""
        return self.window.deconvolved(size)
