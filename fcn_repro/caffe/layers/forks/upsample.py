"""Upsample, and Unpooling, which does the same under DeconvNet's fields: maxima return to where pooling found them."""

import torch
from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, between, exactly
from fcn_repro.caffe.proto import caffe_pb2
from fcn_repro.caffe.synced_memory import Shape

Pair = tuple[int, int]  # rows, columns


class _Unpool(Layer):
    """Writes cell i of the bottom to cell mask[i] of the top, and 0 elsewhere."""

    tops = exactly(1)
    may_be_in_place = False

    def allow_force_backward(self, bottom_index: int) -> bool:
        """Masks get no gradient."""
        return bottom_index == 0

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        shape = bottom[0]
        if len(shape) != 4 or any(other != shape for other in bottom[1:]):
            raise self.error(f"has bottoms of shapes {[list(b) for b in bottom]}; expected (N, C, H, W) and its mask")
        self._size = self.unpooled(*shape[2:])
        return [(*shape[:2], *self._size)]

    def unpooled(self, height: int, width: int) -> Pair:
        """The top's height and width."""
        raise NotImplementedError

    def compute(self, *bottom: Tensor) -> Tensor:
        """Of two cells with one mask value, the last one in row-major order stays."""
        x = bottom[0]
        index = self._targets(bottom)
        y = x.new_zeros((*x.shape[:2], self._size[0] * self._size[1]))
        y.scatter_(2, index, x.flatten(2))
        return y.view(*x.shape[:2], *self._size)

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """dy at the cells of the mask."""
        dx = top_diff[0].flatten(2).gather(2, self._targets(bottom)).view(bottom[0].shape)
        return [dx, *[None] * (len(bottom) - 1)]

    def _targets(self, bottom: tuple[Tensor, ...]) -> Tensor:
        index = bottom[1].flatten(2).long()
        cells = self._size[0] * self._size[1]
        if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < cells:
            raise self.error(
                f"got mask values {int(index.min())} to {int(index.max())} for a top of {list(self._size)}; expected "
                f"0 to {cells - 1}. Fix: give the top the size of the pooling layer's bottom"
            )
        return index


class Upsample(_Unpool):
    """Max unpooling: cell i of bottom[0] goes to cell mask[i] of the top, the rest is 0.

    Shapes
        bottom[0]   (N, C, H, W); bottom[1] the mask, the second top of a Pooling layer, of the same shape
        top[0]      (N, C, upsample_h, upsample_w), or (N, C, scale * H, scale * W), one row or column less by pad_out_*
    Reads    upsample_param: upsample_h and upsample_w; or scale (2), or scale_h and scale_w, and pad_out_h, pad_out_w
    Source   alexgkendall/caffe-segnet 344c113 upsample_layer.cpp; ENet's fork has the same
    """

    bottoms = exactly(2)

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.upsample_param
        has = {name: param.HasField(name) for name in ("scale", "scale_h", "scale_w", "upsample_h", "upsample_w")}
        self._has_size = has["upsample_h"] and has["upsample_w"]
        if has["scale_h"] != has["scale_w"] or (has["scale"] and has["scale_h"]):
            raise self.error("got part of a scale; expected scale, scale_h and scale_w, or upsample_h and _w")
        self._scale = (param.scale_h, param.scale_w) if has["scale_h"] else (param.scale, param.scale)
        pads = (param.pad_out_h, param.pad_out_w)
        size = (param.upsample_h, param.upsample_w) if self._has_size else self._scale
        if min(size) < 2:
            raise self.error(f"upsamples to {list(size)}; expected at least 2")
        if not self._has_size and any(pad and scale != 2 for pad, scale in zip(pads, self._scale, strict=True)):
            raise self.error(f"has pad_out with scale {list(self._scale)}; expected 2. Fix: give upsample_h and _w")

    def unpooled(self, height: int, width: int) -> Pair:
        param = self.param.upsample_param
        if self._has_size:
            return param.upsample_h, param.upsample_w
        return height * self._scale[0] - param.pad_out_h, width * self._scale[1] - param.pad_out_w


class Unpooling(_Unpool):
    """Max unpooling: cell i of bottom[0] goes to cell mask[i] of the top; without a mask, to its window's first cell.

    Shapes
        bottom[0]   (N, C, H, W); bottom[1] the mask, the second top of a Pooling layer, of the same shape; optional
        top[0]      (N, C, unpool_h, unpool_w); by default max((n - 1) * stride + kernel, n * stride + 1) cells
    Reads    unpooling_param: unpool MAX, kernel_*, stride_*, unpool_size or unpool_h and unpool_w
    Source   HyeonwooNoh/caffe d9e8494 unpooling_layer.cpp; its AVE and TILE have no gradient and are missing here
    """

    bottoms = between(1, 2)

    def prepare(self, *bottom: Shape) -> None:
        param = self.param.unpooling_param
        if param.unpool != caffe_pb2.UnpoolingParameter.MAX:
            name = caffe_pb2.UnpoolingParameter.UnpoolMethod.Name(param.unpool)
            raise self.error(f"got unpool {name}; expected MAX. Fix: use Deconvolution with a constant filler")
        if param.pad or param.pad_h or param.pad_w:
            raise self.error("got a pad; expected 0, as in the fork")
        self._kernel, self._stride, self._unpooled = (
            self._pair(name, f"{name}_size" if name != "stride" else name) for name in ("kernel", "stride", "unpool")
        )
        if min(self._kernel) < 1:
            raise self.error("got no kernel; expected kernel_size, or kernel_h and kernel_w")

    def unpooled(self, height: int, width: int) -> Pair:
        sizes = [
            given or max((n - 1) * s + k, n * s + 1)
            for given, n, s, k in zip(self._unpooled, (height, width), self._stride, self._kernel, strict=True)
        ]
        return sizes[0], sizes[1]

    def _pair(self, name: str, square: str) -> Pair:
        param = self.param.unpooling_param
        if param.HasField(f"{name}_h") or param.HasField(f"{name}_w"):
            return getattr(param, f"{name}_h"), getattr(param, f"{name}_w")
        return getattr(param, square), getattr(param, square)

    def _targets(self, bottom: tuple[Tensor, ...]) -> Tensor:
        if len(bottom) > 1:
            return super()._targets(bottom)
        rows, columns = (
            (torch.arange(n, device=bottom[0].device) * s).clamp(max=size - 1)
            for n, s, size in zip(bottom[0].shape[2:], self._stride, self._size, strict=True)
        )
        cells = (rows[:, None] * self._size[1] + columns).flatten()
        return cells.expand(*bottom[0].shape[:2], -1)
