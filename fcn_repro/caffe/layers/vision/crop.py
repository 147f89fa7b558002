"""Crop."""

from torch import Tensor

from fcn_repro.caffe.layers.base import Layer, exactly
from fcn_repro.caffe.synced_memory import Shape
from fcn_repro.layer_params.crop_offsets import read_crop_offsets


class Crop(Layer):
    """Crops bottom[0] to the size of bottom[1] along `axis` and all later axes, from `offset`.

    Shapes
        bottom[0]   data; bottom[1] gives its shape only and gets no diff
        top[0]      bottom[0]'s dims before `axis`, bottom[1]'s dims from `axis`
    Reads    crop_param: axis, offset (default 0; one for all cropped axes, or one each)
    Note     crops are not centred: FCN's offsets 19, 5, 27, 9, 31 come from alignment (coord_map.crop)
    Source   caffe 9b89154 crop_layer.cpp
    """

    bottoms = exactly(2)
    tops = exactly(1)

    def top_shapes(self, *bottom: Shape) -> list[Shape]:
        whole, like = bottom
        if len(whole) != len(like):
            raise self.error(f"has bottoms of {len(whole)} and {len(like)} axes; expected equal numbers")
        self._region = [slice(None)] * self._axis(whole)
        axis = len(self._region)
        for offset, n, size in zip(self._offsets(whole), whole[axis:], like[axis:], strict=True):
            if offset + size > n:
                raise self.error(
                    f"cannot crop {size} pixels at offset {offset} from {n}: {list(whole)} to {list(like)}"
                )
            self._region.append(slice(offset, offset + size))
        return [(*whole[: self._axis(whole)], *like[self._axis(whole) :])]

    def compute(self, *bottom: Tensor) -> Tensor:
        return bottom[0][tuple(self._region)]

    def gradients(self, bottom, top, top_diff, wanted) -> list[Tensor | None]:
        """dy in the region, 0 elsewhere."""
        whole = bottom[0].new_zeros(bottom[0].shape)
        whole[tuple(self._region)] = top_diff[0]
        return [whole, None]

    def _axis(self, whole: Shape) -> int:
        return self.canonical_axis(self.param.crop_param.axis, len(whole))

    def _offsets(self, whole: Shape) -> list[int]:
        cropped = len(whole) - self._axis(whole)
        offsets = read_crop_offsets(self.param, cropped)
        if len(offsets) != cropped:
            raise self.error(f"has {len(offsets)} offsets for {cropped} cropped axes; expected 1 or {cropped}")
        return offsets
