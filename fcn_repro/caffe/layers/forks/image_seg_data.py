"""ImageSegData."""

from collections.abc import Sequence

import numpy as np
import torch

from fcn_repro.caffe.blob import Blob
from fcn_repro.caffe.data_transformer import resize
from fcn_repro.caffe.layers.base import between
from fcn_repro.caffe.layers.forks.dense_image_data import take_nearest
from fcn_repro.caffe.layers.forks.label_map_data import LabelMapDataLayer, Pair, Size
from fcn_repro.caffe.proto import caffe_pb2


class ImageSegData(LabelMapDataLayer):
    """Images with label maps, scaled, padded and cropped together.

    Shapes
        top[0]      data (N, C, H, W), channels B G R, after transform_param
        top[1]      labels (N, 1, H, W)
        top[2]      optional: height and width of each image before padding, at most the top's, (N, 1, 1, 2)
    Reads    image_data_param: as ImageData, with lines `image label_map` (label_type PIXEL), `image label` (IMAGE), or
             `image` (NONE, all pixels get ignore_label); ignore_label (255)
             transform_param: scale_factors (one is drawn), mirror, crop_size or crop_height and crop_width,
             mean_value, scale. Images smaller than the crop are padded below and right, by the mean and by
             ignore_label. A crop is random in TRAIN and central in TEST
    Order    of the random draws: mirror, scale, top, left
    Source   hszhao/PSPNet 798bdc9 image_seg_data_layer.cpp and data_transformer.cpp (TransformImgAndSeg); DeepLab's
             forks have the same without scale_factors
    """

    tops = between(2, 3)

    def source(self):
        """image_data_param; reads the crop's size.

        Raises   CaffeError for what the fork refuses
        """
        transform = self.param.transform_param
        if transform.HasField("mean_file"):
            raise self.error("got a mean_file; expected mean_value")
        self._crop = transform.crop_height, transform.crop_width
        if bool(self._crop[0]) != bool(self._crop[1]) or (self._crop[0] and transform.crop_size):
            raise self.error("got part of a crop; expected crop_size, or crop_height and crop_width")
        if transform.crop_size:
            self._crop = (transform.crop_size,) * 2
        param = self.param.image_data_param
        self.needs_label = param.label_type != caffe_pb2.ImageDataParameter.NONE
        return param

    def read_label(self, text: str, size: Size) -> np.ndarray:
        kinds, kind = caffe_pb2.ImageDataParameter, self._source.label_type
        if kind == kinds.PIXEL:
            label = self.read_label_map(text)
            return resize(label[None], *size)[0] if self._source.new_height else label
        try:
            return np.full(size, int(text) if kind == kinds.IMAGE else self._source.ignore_label, np.uint8)
        except (ValueError, OverflowError):
            raise self.error(f"got the label {text!r}; expected 0 to 255, or label_type: PIXEL") from None

    def top_size(self, height: int, width: int) -> Size:
        return self._crop if self._crop[0] else (height, width)

    def shapes(self, image: tuple[int, ...], label: Size) -> list[tuple[int, ...]]:
        return [*super().shapes(image, label), (self._source.batch_size, 1, 1, 2)]

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._sizes: list[list[int]] = []
        super().forward(bottom, top[:2])
        if len(top) > 2:
            top[2].reshape(len(self._sizes), 1, 1, 2)
            top[2].store(torch.tensor(self._sizes, dtype=torch.float32).view(-1, 1, 1, 2))

    def transform(self, image: np.ndarray, label: np.ndarray) -> Pair:
        param = self.param.transform_param
        self._sizes.append([min(n, most) for n, most in zip(label.shape, self.top_size(*label.shape), strict=True)])
        mirror = bool(param.mirror and self.generator.draw() % 2)
        if param.scale_factors:
            factor = param.scale_factors[self.generator.draw() % len(param.scale_factors)]
            size = int(label.shape[0] * factor), int(label.shape[1] * factor)
            image, label = resize(image, *size), take_nearest(label, *size)
        window: tuple[slice, ...] = (slice(None), slice(None))
        if self._crop[0]:
            image, label = self._pad(image, label)
            is_train = self.phase == caffe_pb2.TRAIN
            spare = [n - size for n, size in zip(label.shape, self._crop, strict=True)]
            begin = [self.generator.draw() % (n + 1) if is_train else n // 2 for n in spare]
            window = tuple(slice(b, b + size) for b, size in zip(begin, self._crop, strict=True))
        data = self._transformer.apply(image, mirror, (slice(None), *window))
        crop = label[window].astype(np.float32)
        return data, crop[:, ::-1] if mirror else crop

    def _pad(self, image: np.ndarray, label: np.ndarray) -> Pair:
        missing = [(0, max(size - n, 0)) for n, size in zip(label.shape, self._crop, strict=True)]
        if not any(after for _, after in missing):
            return image, label
        means = list(self.param.transform_param.mean_value) or [0.0]
        means *= len(image) if len(means) == 1 else 1
        planes = [
            np.pad(plane.astype(np.float64), missing, constant_values=mean)
            for plane, mean in zip(image, means, strict=True)
        ]
        return np.stack(planes), np.pad(label, missing, constant_values=self._source.ignore_label % 256)
