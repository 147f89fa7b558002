"""Interp."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape


class Interp(Layer):
    """Bilinear interpolation whose corners are the corners of the bottom.

    Top cell i of n lies at i * (m - 1) / (n - 1) of the bottom's m cells, and at 0 for n = 1.

    Shapes
        bottom[0]   (N, C, H, W), cropped first by -pad_beg cells above and left, and -pad_end below and right: m cells
        top[0]      (N, C, OH, OW): (m - 1) / shrink_factor + 1, then n + (n - 1) * (zoom_factor - 1); or height, width
    Reads    interp_param: zoom_factor, shrink_factor, or height and width; pad_beg, pad_end (0 or negative)
    Source   hszhao/PSPNet 798bdc9 interp_layer.cpp and util/interp.cpp; open-cv/deeplab-v1 26b6af8 has the same
    """

    bottoms = tops = exactly(1)
    may_be_in_place = False

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.interp_param
        if param.pad_beg > 0 or param.pad_end > 0:
            raise self.error(f"got pad_beg {param.pad_beg} and pad_end {param.pad_end}; expected 0 or negative ones")
        factors = [param.HasField(name) for name in ("zoom_factor", "shrink_factor")]
        has_size = param.HasField("height") and param.HasField("width")
        self._scales = any(factors) and not (all(factors) and has_size)  # as the fork decides
        if not self._scales and not has_size:
            raise self.error("got no size; expected zoom_factor, shrink_factor, or height and width in interp_param")
        if min(param.zoom_factor, param.shrink_factor) < 1:
            raise self.error(f"got factors {param.zoom_factor} and {param.shrink_factor}; expected at least 1")

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        (shape,) = bottom
        if len(shape) != 4:
            raise self.error(f"needs a bottom of 4 axes (N, C, H, W), not {list(shape)}")
        param = self.param.interp_param
        cropped = [n + param.pad_beg + param.pad_end for n in shape[2:]]
        if self._scales:
            size = [self._scale(n) for n in cropped]
        else:
            size = [param.height, param.width]
        if min(*cropped, *size) < 1:
            raise self.error(f"makes {size} of {cropped} cells; expected at least 1 of each")
        begin = -param.pad_beg
        self._rows, self._columns = (slice(begin, begin + n) for n in cropped)
        return [(*shape[:2], *size)]

    def compute(self, *bottom: Tensor) -> Tensor:
        x = bottom[0][..., self._rows, self._columns]
        size = self.top_shapes(tuple(bottom[0].shape))[0][2:]
        return F.interpolate(x, size, mode="bilinear", align_corners=True)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor]:
        """The same weights, transposed; 0 in what the layer crops."""
        whole = torch.zeros_like(bottom[0])
        part = whole[..., self._rows, self._columns]
        size = list(top_diff[0].shape[2:])
        part += torch.ops.aten.upsample_bilinear2d_backward(top_diff[0].contiguous(), size, list(part.shape), True)
        return [whole]

    def _scale(self, cells: int) -> int:
        param = self.param.interp_param
        shrunk = (cells - 1) // param.shrink_factor + 1 if cells > 0 else cells
        return shrunk + (shrunk - 1) * (param.zoom_factor - 1)
